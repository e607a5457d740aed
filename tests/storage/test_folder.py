"""What only a folder has to mind: links, temporary files, disks and permissions."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, check


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "run")


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


def test_a_file_where_a_folder_should_be_is_not_writable(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(errors.NotWritable, match="may write"):
        FolderStore(tmp_path / "run").write_once("key", b"bytes")


def test_what_stands_in_a_files_place_and_cannot_be_read_is_damage_with_its_name(store):
    (store.root / "folder").mkdir(parents=True)
    (store.root / "circle").symlink_to(store.root / "circle")
    os.mkfifo(store.root / "pipe")
    for key in ("folder", "circle", "pipe"):
        for read in (store.read, store.digest):
            with pytest.raises(errors.DamagedFile, match=f"run/{key} (cannot be read|is a named pipe)"):
                read(key)
    with pytest.raises(FileNotFoundError):
        store.read("nothing")


def test_check_tells_of_room_and_of_refusal(tmp_path):
    assert check(tmp_path / "not" / "yet")[0].ok
    (tmp_path / "file").write_text("")
    assert not any(check(nowhere)[0].ok for nowhere in ("/proc/run", tmp_path / ("x" * 300)))
    refused = check(tmp_path / "file")[0]
    assert not refused.ok
    assert "--out" in refused.remedy
