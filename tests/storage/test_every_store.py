"""What a folder promises, a bucket promises too, also behind a network that spoils a quarter of all requests."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, inside, open_store
from share_dist.storage.s3 import S3Store

RACE = """
import os, sys
from share_dist import errors
from share_dist.storage import open_store
writers = []
for number in range(8):
    writers.append(os.fork())
    if not writers[-1]:
        try:
            open_store(sys.argv[1]).write_once("key", b"%d" % number * 10_000)
        except errors.OtherRun:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
print(sorted(os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) for writer in writers))
"""


def test_what_is_written_is_read_and_listed(store):
    store.write_once("b/two", b"22")
    store.write_once("a", b"")
    assert store.read("b/two") == b"22"
    assert store.read("a") == b""
    assert store.exists("a")
    assert not store.exists("b")
    assert store.list() == ["a", "b/two"]
    assert store.list("b") == ["b/two"]
    assert store.list("nothing") == []
    assert [(entry.key, entry.bytes) for entry in store.entries()] == [("a", 0), ("b/two", 2)]


def test_what_is_not_there_is_a_file_not_found(store):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        store.read("nowhere")


def test_the_same_bytes_again_do_nothing_and_other_bytes_are_refused(store):
    store.write_once("key", b"first")
    store.write_once("key", b"first")
    with pytest.raises(errors.OtherRun, match="already holds other bytes"):
        store.write_once("key", b"second")
    assert store.read("key") == b"first"
    store.overwrite("key", b"third")
    assert store.read("key") == b"third"


@pytest.mark.slow
def test_a_large_object_arrives_whole(store):
    data = os.urandom((20 << 20) + 17)
    store.write_once("large", data)
    assert store.read("large") == data
    store.write_once("large", data)
    with pytest.raises(errors.OtherRun, match="already holds other bytes"):
        store.write_once("large", data[:-1])


@pytest.mark.slow
def test_of_eight_writers_in_eight_processes_exactly_one_wins(store):
    done = subprocess.run([sys.executable, "-c", RACE, store.uri()], capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == [0, 1, 1, 1, 1, 1, 1, 1], done.stderr
    assert store.list() == ["key"]
    assert store.read("key") in [b"%d" % number * 10_000 for number in range(8)]


def test_a_folder_is_deleted_with_what_is_below_it_and_no_more(store):
    for key in ("a/manifest.json", "a/rows", "a/b/rows", "ab/rows"):
        store.write_once(key, b"1")
    store.delete("a")
    store.delete("a")
    assert store.list() == ["ab/rows"]


def test_a_store_travels_to_other_processes_as_an_address(store):
    store.write_once("part/key", b"1")
    for travelled in (pickle.loads(pickle.dumps(store)), open_store(store.uri())):
        assert travelled.read("part/key") == b"1"
    assert pickle.loads(pickle.dumps(inside(store, "part"))).read("key") == b"1"
    assert len(pickle.dumps(store)) < 1000


def test_the_inside_of_a_store_is_a_store(store):
    part = inside(inside(store, "round-00"), "survey")
    part.write_once("rows", b"1")
    assert store.list() == ["round-00/survey/rows"]
    assert part.list() == ["rows"]
    assert part.uri("rows") == store.uri("round-00/survey/rows")
    assert inside(store, "") is store


@pytest.mark.parametrize("key", ["../up", "/etc/passwd", "a/../../b", ""])
def test_keys_cannot_leave_the_store(store, key):
    with pytest.raises(ValueError, match="relative path"):
        store.read(key)
    with pytest.raises(ValueError, match="relative path"):
        store.delete(key)


def test_an_address_is_understood_also_where_a_path_has_folded_it(tmp_path):
    assert open_store(f"file://{tmp_path}").uri() == str(tmp_path)
    assert open_store("runs/demo").uri().endswith("/runs/demo")
    for text in ("s3://bucket/runs/demo", "s3:/bucket/runs/demo", "s3://bucket//runs/demo/"):
        assert open_store(text) == S3Store(bucket="bucket", prefix="runs/demo")
    assert open_store("s3://bucket").uri("key") == "s3://bucket/key"
    assert isinstance(open_store("a/b:/c"), FolderStore)


@pytest.mark.parametrize("uri", ["gs://bucket/run", "s3://B", "s3://", "s3://bucket/../other"])
def test_an_address_that_can_be_no_store_is_refused_with_one_that_can(uri):
    with pytest.raises(errors.BadSetting, match="s3://bucket/"):
        open_store(uri)
