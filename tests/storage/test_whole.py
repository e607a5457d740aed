"""Nothing that is written is led to another file, and what killed writers left is cleared away."""

from __future__ import annotations

import json
import os
import time

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, claims, open_run, write_whole
from share_dist.storage.claims import LOCK
from share_dist.studies.benches import keeping
from share_dist.sweep.study import JOURNAL, open_journal

CONFIG = json.dumps({"seed": 1})


@pytest.fixture
def precious(tmp_path):
    """A file elsewhere that must stay as it is."""
    file = tmp_path / "precious"
    file.write_text("mine")
    yield file
    assert file.read_text() == "mine"
    assert not file.is_symlink()


def test_a_link_at_an_objects_place_is_replaced_and_not_followed(tmp_path, precious):
    store = FolderStore(tmp_path / "run")
    for key, write in (("a", store.write_once), ("b", store.overwrite), ("c/d", store.write_once)):
        path = store.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(precious if key != "c/d" else tmp_path / "nothing")
        write(key, b"ours")
        assert not path.is_symlink()
        assert path.read_bytes() == b"ours"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
@pytest.mark.parametrize("name", [LOCK, "config.json", ".probe.part", ".config.json.0123456789ab.part"])
def test_no_name_in_out_leads_a_run_to_another_file(tmp_path, precious, name, kind):
    out = tmp_path / "run"
    out.mkdir()
    (out / name).symlink_to(precious) if kind == "symlink" else os.link(precious, out / name)
    if name in (LOCK, "config.json"):
        with pytest.raises(errors.ShareDistError, match=name):
            open_run(out, CONFIG)
    else:
        assert open_run(out, CONFIG).list() == ["config.json"]


def test_a_folder_that_is_a_link_leads_no_write_and_no_delete_out_of_the_run(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/manifest.json").write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "real")
    store = FolderStore(tmp_path / "run")
    store.write_once("stage/object", b"through --out itself one may go")
    (tmp_path / "real/linked").symlink_to(tmp_path / "elsewhere")
    for act in (
        lambda: store.write_once("linked/new", b""),
        lambda: store.overwrite("linked/deeper/new", b""),
        lambda: store.delete("linked/new"),
        lambda: store.delete("linked"),
    ):
        with pytest.raises(errors.NotWritable, match=r"linked is a link to (.|\n)*--out itself may be"):
            act()
    assert os.listdir(tmp_path / "elsewhere") == ["manifest.json"]


def test_a_journal_that_is_a_link_is_not_appended_to(tmp_path, precious):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / JOURNAL).symlink_to(precious)
    with pytest.raises(errors.NotWritable, match="is a link"):
        open_journal(FolderStore(tmp_path / "run"))


def test_figures_replace_a_link_and_refuse_what_is_no_file_before_any_work(tmp_path, precious):
    (tmp_path / "figures.json").symlink_to(precious)
    with keeping(tmp_path / "figures.json") as figures:
        figures["speed"] = 2
    assert json.loads((tmp_path / "figures.json").read_text()) == {"speed": 2}
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(errors.NotWritable, match="no regular file"), keeping(other):
            pytest.fail("work began")
        with pytest.raises(errors.NotWritable, match="no regular file"):
            write_whole(other, b"")


def test_what_killed_writers_left_is_cleared_when_the_next_driver_has_the_run(tmp_path):
    store = open_run(tmp_path / "run", CONFIG)
    claims._LOCKED.pop(store.root).close()
    dead = [store.root / ".probe.part", store.root / "round-00/.rows.parquet.0123456789ab.part"]
    download = store.root / "notes/.thesis.pdf.part"
    other_run, living = store.root / "inner" / LOCK, store.root / "round-00/.new.0123456789ab.part"
    for file in (*dead, other_run, living, download):
        file.parent.mkdir(exist_ok=True)
        file.write_text("half")
        os.utime(file, (time.time() - 60,) * 2)
    # A writer of this driver's, which began after it.
    os.utime(living, (time.time() + 60,) * 2)
    open_run(tmp_path / "run", CONFIG)
    assert [file.exists() for file in dead] == [False, False]
    assert other_run.exists()
    assert download.exists()
    assert living.exists()


def test_a_writer_whose_file_was_cleared_away_fails_and_stores_nothing(tmp_path, monkeypatch):
    store, link = FolderStore(tmp_path), os.link

    def cleared(source, target):
        source.unlink()
        link(source, target)

    monkeypatch.setattr(os, "link", cleared)
    with pytest.raises(FileNotFoundError):
        store.write_once("key", b"bytes")
    assert store.list() == []


def test_a_long_name_can_be_written(tmp_path):
    FolderStore(tmp_path).write_once("ü" * 120, b"bytes")
    assert FolderStore(tmp_path).read("ü" * 120) == b"bytes"
