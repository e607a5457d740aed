"""Ray writes by Arrow, and Arrow must find the bucket that boto finds."""

from __future__ import annotations

import os
import pickle

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, arrow_place, inside, open_run, open_store
from share_dist.storage.s3 import S3Store
from share_dist.studies.bad_s3 import Schedule

pytestmark = pytest.mark.slow


def write(place, name):
    with place["storage_filesystem"].open_output_stream(f"{place['storage_path']}/{name}") as file:
        file.write(b"from arrow")


def test_what_arrow_writes_lies_in_the_same_place(bucket):
    run = inside(open_run(bucket, "{}"), "training")
    write(arrow_place(run), "ray/state.json")
    assert open_store(bucket).read("training/ray/state.json") == b"from arrow"


def test_arrow_gets_through_the_fault_proxy_too(bucket, bad_bucket):
    proxy = bad_bucket(Schedule(seed=2, share=0.3, kinds=("503", "500")))
    write(arrow_place(open_store(bucket)), "state.json")
    assert open_store(bucket).read("state.json") == b"from arrow"
    assert proxy.counts["requests"] > 0


def test_an_endpoint_in_a_profile_is_found_too(bucket, bucket_server, tmp_path, monkeypatch):
    profile = f"[profile elsewhere]\nregion = us-east-1\nendpoint_url = {bucket_server.endpoint}\n"
    (tmp_path / "config").write_text(profile)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    write(arrow_place(open_store(bucket)), "state.json")
    assert open_store(bucket).read("state.json") == b"from arrow"


def test_folders_that_arrow_marks_with_empty_objects_are_no_objects_and_go_with_the_folder(bucket):
    store = open_store(bucket)
    assert isinstance(store, S3Store)
    for marker in ("", "ray/", "ray/empty/"):
        store.client.put_object(Bucket=store.bucket, Key=f"{store.prefix}/{marker}")
    assert store.list() == []
    store.write_once("ray/state", b"1")
    store.delete("ray")
    # What is left marks the place itself.
    assert [entry.key for entry in store._all("")] == [""]


def test_arrow_makes_no_folders_and_leaves_nothing_of_its_trial(bucket):
    store = open_store(bucket)
    assert isinstance(store, S3Store)
    place = arrow_place(store)
    place["storage_filesystem"].create_dir(f"{place['storage_path']}/ray/empty", recursive=True)
    assert store._all("") == []


def test_a_folder_is_given_as_its_path(tmp_path):
    store = inside(FolderStore(tmp_path), "training")
    assert arrow_place(store, "ray") == {"storage_path": f"{tmp_path}/training"}
    (tmp_path / "training").mkdir()
    (tmp_path / "training/ray").symlink_to(tmp_path)
    with pytest.raises(errors.NotWritable, match="training/ray is a link"):
        arrow_place(store, "ray")


@pytest.mark.parametrize(
    "manner",
    [
        "refuses checksums",
        "no bulk delete",
        "wants region eu-west-1",
        "HEAD of the bucket is forbidden",
        "absent is forbidden",
    ],
)
def test_arrow_writes_and_deletes_on_a_server_that(bucket, bad_bucket, manner):
    """Also after it has travelled to another process, twice, as from a driver to a controller to a rank."""
    bad_bucket(Schedule(seed=0, share=0.0)).manners = {manner}
    place = arrow_place(open_store(bucket))
    for _ in range(2):
        place["storage_filesystem"] = pickle.loads(pickle.dumps(place["storage_filesystem"]))
    place["storage_filesystem"].create_dir(f"{place['storage_path']}/checkpoint")
    write(place, "checkpoint/weights")
    write(place, "state.json")
    files, path = place["storage_filesystem"], place["storage_path"]
    kinds = [files.get_file_info(f"{path}/{name}").type.name for name in ("state.json", "checkpoint", "absent")]
    assert kinds == ["File", "Directory", "NotFound"]
    place["storage_filesystem"].delete_dir(f"{place['storage_path']}/checkpoint")
    assert open_store(bucket).list() == ["state.json"]


def test_arrow_makes_no_setting_that_stays_and_tells_nobody_a_key(bucket, bucket_server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket_server.endpoint.replace("://", "://user:word@"))
    before = dict(os.environ)
    travelling = pickle.dumps(arrow_place(open_store(bucket))["storage_filesystem"])
    assert dict(os.environ) == before
    assert not [key for key in (b"AKIAONTHISMACHINE", b"opens-nothing", b"word") if key in travelling]


@pytest.mark.parametrize("end", ["/", "/behind/a/gateway", "/behind/a/gateway/"])
def test_arrow_follows_an_endpoint_with_a_path(bucket, bad_bucket, monkeypatch, end):
    proxy = bad_bucket(Schedule(seed=0, share=0.0))
    proxy.manners = {"behind a path"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint + end)
    write(arrow_place(open_store(bucket)), "state.json")
    assert open_store(bucket).read("state.json") == b"from arrow"


@pytest.mark.parametrize("manner", ["HEAD is forbidden", "wants Content-MD5"])
def test_a_server_that_refuses_what_arrow_asks_is_told_before_ray_starts(bucket, bad_bucket, manner):
    bad_bucket(Schedule(seed=0, share=0.0)).manners = {manner}
    with pytest.raises(errors.BucketRefused, match="Ray cannot write its own files to s3://share-dist/"):
        arrow_place(open_store(bucket))
