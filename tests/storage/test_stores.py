"""Objects are written once, whole or not at all, and what goes wrong is said in the user's words."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, check, inside, open_store


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "run")


def test_what_is_written_is_read_and_listed(store):
    store.write_once("b/two", b"2")
    store.write_once("a", b"1")
    assert store.read("b/two") == b"2"
    assert store.exists("a")
    assert not store.exists("b")
    assert store.list() == ["a", "b/two"]
    assert store.list("b") == ["b/two"]
    assert store.list("nothing") == []


def test_the_same_bytes_again_do_nothing_and_other_bytes_are_refused(store):
    store.write_once("key", b"first")
    store.write_once("key", b"first")
    with pytest.raises(errors.OtherRun, match="already holds other bytes"):
        store.write_once("key", b"second")
    assert store.read("key") == b"first"


def test_of_many_writers_at_once_one_wins_and_no_temporary_file_stays(store):
    refused = []

    def write(text):
        try:
            store.write_once("key", text)
        except errors.OtherRun:
            refused.append(text)

    threads = [threading.Thread(target=write, args=(b"%d" % i * 10_000,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert os.listdir(store.root) == ["key"]


def test_a_file_system_without_hard_links_works_too(store, monkeypatch):
    def no_links(source, target):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    store.write_once("key", b"bytes")
    assert store.read("key") == b"bytes"


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


@pytest.mark.parametrize("uri", ["s3://bucket/run", "gs://bucket/run"])
def test_buckets_are_refused_until_they_are_supported(uri):
    with pytest.raises(errors.BadSetting, match="not supported yet"):
        open_store(uri)


def test_a_file_address_is_a_folder(tmp_path):
    assert open_store(f"file://{tmp_path}").uri() == str(tmp_path)
    assert open_store("runs/demo").uri().endswith("/runs/demo")


def test_a_file_where_a_folder_should_be_is_not_writable(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(errors.NotWritable, match="may write"):
        FolderStore(tmp_path / "run").write_once("key", b"bytes")


def test_check_tells_of_room_and_of_refusal(tmp_path):
    assert check(tmp_path / "not" / "yet")[0].ok
    (tmp_path / "file").write_text("")
    refused = check(tmp_path / "file")[0]
    assert not refused.ok
    assert "--out" in refused.remedy
