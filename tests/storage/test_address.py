"""One file by its address: of a folder or a bucket, and never more of it than there can be."""

from __future__ import annotations

import pytest

from share_dist.errors import BadSetting, DamagedFile
from share_dist.storage import open_store, read_address


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_what_is_too_large_is_refused_before_it_is_read(kind, request, tmp_path):
    place = str(tmp_path) if kind == "folder" else request.getfixturevalue("bucket")
    open_store(place).write_once("model.safetensors", b"x" * 1000)
    address = f"{place}/model.safetensors"
    assert read_address(address, most_bytes=1000) == b"x" * 1000
    with pytest.raises(DamagedFile, match=f"{address} has 1,000 bytes, but no file of its kind has more than 999"):
        read_address(address, most_bytes=999)


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_what_is_not_there_is_told_from_what_is_too_large(kind, request, tmp_path):
    place = str(tmp_path) if kind == "folder" else request.getfixturevalue("bucket")
    with pytest.raises(FileNotFoundError):
        read_address(f"{place}/none.safetensors")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("runs/" + "x" * 300, "a name may have 255 bytes, a path 4,095"),
        ("s3:bucket/run", "Write it as s3://bucket/folder"),
        ("arn:aws:s3:::bucket/run", "Write it as s3://bucket/folder"),
        ("s3://user:pass@word@bucket/run", "s3://user:***@bucket/run, but a bucket's name"),
        ("postgresql://user:pass@word@host/run", "postgresql://user:***@host/run, but postgresql:// is not supported"),
    ],
)
def test_what_cannot_be_a_place_is_refused_and_shows_no_password(address, said):
    with pytest.raises(BadSetting) as caught:
        open_store(address)
    assert said in str(caught.value)
    assert "word" not in str(caught.value)


def test_one_bucket_may_be_written_in_several_ways():
    assert {
        open_store(f"{start}bucket/{rest}").uri() for start in ("s3://", "S3://") for rest in ("a/b", "/a/./b/")
    } == {"s3://bucket/a/b"}
