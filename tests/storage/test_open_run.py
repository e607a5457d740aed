"""A run's folder is opened before any work, and never mistaken for another's."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, claims, once, open_run, open_store, read_sealed
from share_dist.storage.claims import LOCK

CONFIG = json.dumps({"seed": 1, "rome": {"explore_share": 0.2, "quantile": 0.9}})


def test_settings_are_written_first_and_the_same_settings_continue(tmp_path):
    store = open_run(tmp_path / "new" / "run", CONFIG)
    assert json.loads(store.read("config.json"))["seed"] == 1
    store.write_once("work", b"done")
    assert open_run(tmp_path / "new" / "run", json.dumps(json.loads(CONFIG), indent=2)).exists("work")


def test_another_config_is_refused_and_the_differences_are_shown(tmp_path):
    open_run(tmp_path, CONFIG)
    other = {"seed": 1, "rome": {"explore_share": 0.5, "quantile": 0.9}, "loop": {"rounds": 2}}
    with pytest.raises(errors.OtherRun) as caught:
        open_run(tmp_path, json.dumps(other))
    assert "rome.explore_share: 0.2 -> 0.5" in str(caught.value)
    assert 'loop: "(not set)" -> {"rounds": 2}' in str(caught.value)
    assert "quantile" not in str(caught.value)
    assert read_sealed(open_store(tmp_path), "config.json") == json.loads(CONFIG)


def test_a_run_that_another_process_works_on_is_refused_until_that_ends(tmp_path):
    script = f"""
import sys
from share_dist.storage import open_run
open_run({str(tmp_path)!r}, '{CONFIG}')
print("open", flush=True)
sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"
    with pytest.raises(errors.OtherRun, match=f"another process .number {other.pid}."):
        open_run(tmp_path, CONFIG)
    other.kill()
    other.wait()
    assert open_run(tmp_path, CONFIG).list() == ["config.json"]


def test_a_folder_that_is_no_run_is_refused_untouched(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"sea")
    with pytest.raises(errors.OtherRun, match=r"holiday\.jpg"):
        open_run(tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_lock_is_asked_for_as_nfs_wants_it(tmp_path, monkeypatch):
    """Linux locks an NFS file by a byte range, which needs a descriptor that can write."""
    modes = []
    monkeypatch.setattr(fcntl, "flock", lambda file, how: modes.append(file.writable()))
    open_run(tmp_path, CONFIG)
    assert modes == [True]
    assert (tmp_path / LOCK).read_text() == str(os.getpid())


def test_a_file_system_without_locks_is_told_once(tmp_path, monkeypatch, caplog):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        assert open_run(tmp_path, CONFIG).exists("config.json")
    (said,) = caplog.messages
    assert "cannot be locked (No locks available)" in said


def test_a_leftover_of_a_killed_start_does_not_stop_the_next(tmp_path):
    (tmp_path / ".config.json.0123456789ab.part").write_bytes(b'{"se')
    assert open_run(tmp_path, CONFIG).exists("config.json")


def test_a_broken_config_is_a_damaged_file(tmp_path):
    (tmp_path / "config.json").write_text('{"seed": ')
    with pytest.raises(errors.DamagedFile, match="is not JSON"):
        open_run(tmp_path, CONFIG)


def test_a_place_where_no_folder_can_be_is_not_writable(tmp_path):
    (tmp_path / "run").write_text("")
    for out in (tmp_path / "run", tmp_path / "run" / "below", Path("/proc/run")):
        with pytest.raises(errors.NotWritable, match="may write to"):
            open_run(out, CONFIG)


def test_a_read_only_disk_is_not_writable_new_or_old(mounted):
    folder = mounted("size=1m")
    open_run(folder / "old", CONFIG)
    # As when that process has ended: a disk with a file open for writing cannot be remounted.
    claims._LOCKED.pop(folder / "old").close()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    for name in ("old", "new"):
        with pytest.raises(errors.NotWritable, match="may write to"):
            open_run(folder / name, CONFIG)


def test_a_disk_that_fills_up_keeps_what_was_finished_and_goes_on_later(mounted):
    store = open_run(mounted("size=300k") / "run", CONFIG)
    assert isinstance(store, FolderStore)

    def stage(number):
        return once(
            store,
            f"stage-{number}",
            make=lambda: bytes([number]) * 100_000,
            save=lambda value, part: part.write_once("value", value),
            load=lambda part: part.read("value"),
        )

    stage(0), stage(1)
    said = f"disk of {platform.node()} is full(.|\n)*Everything finished so far is kept"
    with pytest.raises(errors.StorageFull, match=said):
        stage(2)
    assert not [path for path in store.root.rglob("*.part") if path.name != LOCK]
    subprocess.run(["mount", "-o", "remount,size=2m", str(store.root.parent)], check=True)
    assert [stage(number)[0] for number in range(3)] == [0, 1, 2]
