"""Shards hold every record exactly, tell their body, and are readable by others."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from share_dist import errors
from share_dist.body import PeopleDistribution
from share_dist.camera import Everyday
from share_dist.data import (
    index_card,
    read_index,
    read_shards,
    shard_bytes,
    shard_is_done,
    shard_numbers,
    write_index,
    write_shard,
)
from share_dist.render import Records, RenderConfig, make_renderer
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.storage import FolderStore

COUNT = 260
TAR = "shard-00001/records.tar"


def write_all(store, card, records):
    write_index(store, card)
    for index in range(card["shards"]):
        write_shard(store, index, shard_bytes(records.take(shard_numbers(index, COUNT)), card))


@pytest.fixture(scope="module")
def plan():
    return ViewPlan(PeopleDistribution(), Everyday(), SceneDistribution.from_config(SceneConfig()), "train", 3)


@pytest.fixture(scope="module")
def draw(figure, plan):
    renderer = make_renderer(figure, RenderConfig(size_px=32, parts=True))
    return lambda numbers: renderer.records(plan.views(numbers, figure))


@pytest.fixture(scope="module")
def card(figure, plan):
    return index_card(plan, COUNT, figure.hash, RenderConfig(size_px=32, parts=True))


@pytest.fixture(scope="module")
def records(draw):
    return draw(range(COUNT))


@pytest.fixture
def store(tmp_path, card, records):
    folder = FolderStore(tmp_path)
    write_all(folder, card, records)
    return folder


def test_every_array_comes_back_exactly(store, records, figure):
    first, second = read_shards(store, figure.hash)
    assert (len(first), len(second)) == (256, 4)
    for name, array in records.arrays().items():
        found = np.concatenate([getattr(first, name), getattr(second, name)])
        assert found.dtype == array.dtype, name
        np.testing.assert_array_equal(found, array, err_msg=name)


def test_a_shard_reads_as_webdataset_samples(store, records, figure):
    """Consecutive members that share a name up to the first dot are one sample: picture, arrays, JSON."""
    with tarfile.open(Path(store.uri(TAR))) as tar:
        names = tar.getnames()
        assert names[:3] == ["00000256.png", "00000256.npz", "00000256.json"]
        picture = np.array(Image.open(tar.extractfile(names[0])))
        truth = np.load(io.BytesIO(tar.extractfile(names[1]).read()))
        about = json.load(tar.extractfile(names[2]))
    np.testing.assert_array_equal(picture, records.image[256])
    np.testing.assert_array_equal(truth["pose"], records.pose[256])
    assert about["body_hash"] == figure.hash


def test_the_same_records_are_the_same_bytes(records, card):
    part = records.take(range(3))
    assert shard_bytes(part, card) == shard_bytes(part, card)


def test_a_finished_shard_stays_as_it_is(store):
    assert [shard_is_done(store, index) for index in range(3)] == [True, True, False]
    before = store.read(TAR)
    write_shard(store, 1, b"made again")
    assert store.read(TAR) == before


def test_another_data_set_in_the_same_place_is_refused(store, card):
    with pytest.raises(errors.OtherRun, match="another data set"):
        write_index(store, card | {"plan_hash": "other"})


def test_an_index_of_another_release_is_refused_by_its_format(tmp_path, card):
    store = FolderStore(tmp_path)
    write_index(store, card | {"format": "shards-v1"})
    for ask in (read_index, lambda store: next(read_shards(store)), lambda store: write_index(store, card)):
        with pytest.raises(errors.DamagedFile, match=r"index\.json .* shards-v1, not shards-v2.\n.*another --out"):
            ask(store)


@pytest.mark.parametrize("content", [["a list"], {"count": 3}])
def test_an_index_that_is_something_else_is_refused(tmp_path, content):
    write_index(FolderStore(tmp_path), content)
    with pytest.raises(errors.DamagedFile, match=r"index\.json cannot be used: it is not whole"):
        read_index(FolderStore(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"count": "many"},
        {"count": 10**15},
        {"count": -3, "shards": 0},
        {"count": 2.5, "shards": 1},
        {"render": {"size_px": 10**6}},
        {"render": None},
        {"body_hash": 7},
    ],
)
def test_an_index_whose_numbers_cannot_be_is_refused(tmp_path, card, change):
    write_index(FolderStore(tmp_path), card | change)
    with pytest.raises(errors.DamagedFile, match=r"index\.json cannot be used: it is not whole"):
        next(read_shards(FolderStore(tmp_path)))


def test_a_shard_that_lacks_an_array_is_named(tmp_path, card, records, monkeypatch):
    """As the shards of shards-v1 lack `everyday`."""
    store, part, arrays = FolderStore(tmp_path), records.take(range(3)), records.take(range(3)).arrays()
    del arrays["everyday"]
    monkeypatch.setattr(Records, "arrays", lambda self: arrays)
    write_index(store, card)
    write_shard(store, 0, shard_bytes(part, card))
    with pytest.raises(errors.DamagedFile, match=r"shard-00000/records.tar .* shards-v2 .*everyday"):
        next(read_shards(store))


def test_a_shard_with_a_folder_inside_is_none_of_ours(tmp_path, card):
    store, sink = FolderStore(tmp_path), io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        folder = tarfile.TarInfo("00000000")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    write_index(store, card)
    write_shard(store, 0, sink.getvalue())
    with pytest.raises(errors.DamagedFile, match="00000000 is not a file"):
        next(read_shards(store))


def test_data_of_another_body_is_refused(store):
    with pytest.raises(errors.WrongBody, match="set body.folder"):
        next(read_shards(store, "0" * 64))


@pytest.mark.slow
def test_one_shard_of_another_body_among_ours_is_refused(tmp_path, card, records, figure):
    store = FolderStore(tmp_path)
    write_shard(store, 1, shard_bytes(records.take(range(256, COUNT)), card | {"body_hash": "f" * 64}))
    write_all(store, card, records)
    shards = read_shards(store, figure.hash)
    next(shards)
    with pytest.raises(errors.WrongBody, match="shard-00001"):
        next(shards)


def test_a_truncated_shard_is_named(store):
    path = Path(store.uri("shard-00000/records.tar"))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(errors.DamagedFile, match=r"shard-00000.*\n.*Delete the folder"):
        next(read_shards(store))


def test_a_missing_shard_or_index_says_what_to_do(store, tmp_path):
    Path(store.uri("shard-00001/manifest.json")).unlink()
    with pytest.raises(errors.DamagedFile, match="only what is missing"):
        list(read_shards(store))
    with pytest.raises(errors.DamagedFile, match="holds no data set"):
        next(read_shards(FolderStore(tmp_path / "nothing")))


def with_member(card, records, instead: str, data: bytes, **change: object) -> bytes:
    """A shard of three views in which one member has other bytes, and other attributes."""
    sink = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(shard_bytes(records.take(range(3)), card))) as whole,
        tarfile.open(fileobj=sink, mode="w") as tar,
    ):
        for member in whole:
            content = whole.extractfile(member).read()
            if member.name == instead:
                content, member.size = data, len(data)
                for attribute, value in change.items():
                    setattr(member, attribute, value)
            tar.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def png(size) -> bytes:
    sink = io.BytesIO()
    Image.new("1", size).save(sink, "PNG")
    return sink.getvalue()


def npz(save, array) -> bytes:
    sink = io.BytesIO()
    save(sink, pose=array)
    return sink.getvalue()


OBJECTS, ZEROS = np.array([len], object), np.zeros(1_000_000)
SPOILT = {
    "large-picture": (".png", lambda: png((9_000, 9_000)), {}, "9000 × 9000 pixels, where 32 × 32"),
    "larger-picture": (".png", lambda: png((20_000, 10_000)), {}, "exceeds limit"),
    "no-png": (".png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0", {}, "cannot identify"),
    "expanding": (".npz", lambda: npz(np.savez_compressed, ZEROS), {}, "compressed arrays"),
    "pickle": (".npz", lambda: npz(np.savez, OBJECTS), {}, "allow_pickle=False"),
    "no-bytes": (".npz", lambda: npz(np.savez, np.zeros(1_000, "V0")), {}, "is of type"),
    "deep-json": (".json", lambda: b"[" * 100_000, {}, "recursion"),
    "link": (".png", bytes, {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "is not a file"),
    "name": (".png", bytes, {"name": "../../x.png"}, "is no picture"),
    "other-view": (".png", bytes, {"name": "00000999.png"}, "of views 0 to 255"),
    "twice": (".png", bytes, {"name": "00000000.png"}, "is no picture"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_member_that_is_not_ours_or_expands_is_refused(tmp_path, card, records, kind):
    ending, data, change, words = SPOILT[kind]
    write_index(FolderStore(tmp_path), card)
    write_shard(FolderStore(tmp_path), 0, with_member(card, records, f"00000001{ending}", data(), **change))
    with pytest.raises(errors.DamagedFile, match=rf"shard-00000/records.tar is not a whole shard(.|\n)*{words}"):
        next(read_shards(FolderStore(tmp_path)))


def test_a_compressed_tar_is_not_unpacked(tmp_path, card, records):
    write_index(FolderStore(tmp_path), card)
    write_shard(FolderStore(tmp_path), 0, gzip.compress(shard_bytes(records.take(range(3)), card)))
    with pytest.raises(errors.DamagedFile, match="not a whole shard"):
        next(read_shards(FolderStore(tmp_path)))
