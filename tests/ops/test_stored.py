"""What is stored can be listed, fetched and compared, in a folder as in a bucket; nothing is overwritten by it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from test_listing import nobody

from share_dist import errors
from share_dist.cli import main
from share_dist.ops import find_runs, pull, verify
from share_dist.ops import stored as stored_room
from share_dist.storage import FolderStore, once, open_store
from share_dist.studies.bad_s3 import Schedule


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path):
    """A place with a finished survey, a training at work and a data set by half."""
    uri = str(tmp_path / "stored") if request.param == "folder" else request.getfixturevalue("bucket")
    store = open_store(uri)
    config = json.dumps({"command": "survey", "seed": 3}).encode()
    store.write_once("surveys/base/config.json", config)
    for index in range(2):
        stage(store, f"surveys/base/survey/all_cameras/block-0000{index}", bytes([index]) * 5000)
    store.write_once("surveys/base/summary.json", b"{}")
    store.write_once("trained/config.json", config.replace(b"survey", b"train"))
    stage(store, "trained/training/checkpoints/step-000200", b"weights")
    store.write_once("data/config.json", config.replace(b"survey", b"render"))
    store.write_once("data/index/index.json", b'{"shards": 4}')
    stage(store, "data/shard-00000", b"records")
    return uri


def stage(store, name, data):
    once(store, name, lambda: data, lambda value, part: part.write_once("rows", value), lambda part: part.read("rows"))


def test_runs_are_listed_with_what_they_are_and_how_far_they_came(place):
    runs = {run.uri.removeprefix(place): run for run in find_runs(place)}
    assert {name: (run.command, run.stage) for name, run in runs.items()} == {
        "/data": ("render, seed 3", "shard 1 of 4"),
        "/surveys/base": ("survey, seed 3", "finished"),
        "/trained": ("train, seed 3", "training/checkpoints/step-000200"),
    }
    assert 10_000 < runs["/surveys/base"].bytes < 11_000
    assert [run.uri for run in find_runs(f"{place}/trained")] == [f"{place}/trained"]


def test_a_run_is_fetched_whole_and_fetched_again_without_its_objects(place, tmp_path, bad_bucket):
    target = pull(f"{place}/surveys/base", str(tmp_path / "here"))
    source = open_store(f"{place}/surveys/base")
    assert target.list() == source.list()
    assert all(target.read(key) == source.read(key) for key in target.list())
    assert verify(target.uri()).damage == []
    if place.startswith("s3:"):
        proxy = bad_bucket(Schedule(seed=0, share=0.0))
        pull(f"{place}/surveys/base", str(tmp_path / "here"))
        assert not [path for method, path in proxy.log if method == "GET" and path.endswith("/rows")]


def test_a_fetch_that_was_stopped_goes_on_and_is_unfinished_until_then(place, tmp_path, monkeypatch):
    fetched, pull_one = [], stored_room._pull_one

    def stop_after_three(*arguments):
        if len(fetched) == 3:
            raise KeyboardInterrupt
        fetched.append(arguments)
        pull_one(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(stored_room, "_pull_one", stop_after_three)
        with pytest.raises(KeyboardInterrupt):
            pull(f"{place}/surveys/base", str(tmp_path / "here"))
    assert not [key for key in FolderStore(tmp_path / "here").list() if key.endswith("manifest.json")]
    assert pull(f"{place}/surveys/base", str(tmp_path / "here")).list() == open_store(f"{place}/surveys/base").list()


def test_other_bytes_of_ones_own_are_never_overwritten(place, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "summary.json").write_text("mine")
    with pytest.raises(errors.OtherRun, match=r"summary\.json holds other bytes(.|\n)*another folder"):
        pull(f"{place}/surveys/base", str(tmp_path / "here"))
    assert (tmp_path / "here" / "summary.json").read_text() == "mine"


def test_an_altered_object_is_not_fetched(place, tmp_path):
    open_store(place).overwrite("surveys/base/survey/all_cameras/block-00001/rows", bytes(5000))
    with pytest.raises(errors.DamagedFile, match="has changed(.|\n)*share-dist verify"):
        pull(f"{place}/surveys/base", str(tmp_path / "here"))
    assert not (tmp_path / "here" / "survey/all_cameras/block-00001/rows").exists()


def test_what_is_no_run_is_refused_with_the_runs_below_it(place, tmp_path):
    with pytest.raises(errors.BadSetting, match="there is no run(.|\n)*Pull one of .*/data"):
        pull(place, str(tmp_path / "here"))
    with pytest.raises(errors.BadSetting, match="no stage was finished"):
        verify(f"{place}/nothing")


def test_all_damage_is_found_at_once_with_what_to_delete(place, capsys):
    assert main(["verify", place]) == 0
    assert "4 stages with 4 objects were compared: each is what was stored" in capsys.readouterr().out
    store = open_store(place)
    store.overwrite("data/shard-00000/rows", b"Records")
    store.overwrite("surveys/base/survey/all_cameras/block-00001/rows", b"short")
    store.overwrite("trained/training/checkpoints/step-000200/manifest.json", b"{")
    assert main(["verify", place]) == 1
    said = capsys.readouterr().out
    assert "3 damaged" in said
    for name in ("data/shard-00000", "surveys/base/survey/all_cameras/block-00001", "step-000200"):
        assert f"Delete the folder {place}" in said
        assert f"{name} and run the same command again" in said


def test_the_commands_say_what_they_found(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["ls", place]) == 0
    listed = capsys.readouterr().out
    assert "survey, seed 3      finished" in listed
    assert main(["pull", f"{place}/surveys/base"]) == 0
    assert f"The run lies in {Path('runs/base').absolute()}" in capsys.readouterr().out
    assert main(["ls", str(tmp_path / "nothing")]) == 0
    assert "There is no run" in capsys.readouterr().out


def test_a_missing_object_stops_a_fetch_before_it_begins(place, tmp_path):
    open_store(place).remove(["surveys/base/survey/all_cameras/block-00001/rows"])
    with pytest.raises(errors.DamagedFile, match=r"block-00001/rows is gone; 5,000 bytes were(.|\n)*share-dist verify"):
        pull(f"{place}/surveys/base", str(tmp_path / "here"))
    assert not (tmp_path / "here").exists()


def test_what_was_fetched_beside_damage_stays_and_is_unfinished(place, tmp_path):
    store = open_store(f"{place}/surveys/base")
    whole = store.read("survey/all_cameras/block-00001/rows")
    store.overwrite("survey/all_cameras/block-00001/rows", bytes(5000))
    with pytest.raises(errors.DamagedFile, match="block-00001/rows has changed"):
        pull(store.uri(), str(tmp_path / "here"))
    here = FolderStore(tmp_path / "here")
    assert here.list() == ["config.json", "summary.json", "survey/all_cameras/block-00000/rows"]
    store.overwrite("survey/all_cameras/block-00001/rows", whole)
    assert pull(store.uri(), str(tmp_path / "here")).list() == store.list()


def test_an_object_that_goes_while_a_run_is_fetched_is_named(place, tmp_path, monkeypatch):
    store = open_store(f"{place}/surveys/base")
    kind, read = type(store), type(store).read

    def vanishing(self, key):
        if key.endswith("block-00000/rows"):
            self.remove([key])
        return read(self, key)

    monkeypatch.setattr(kind, "read", vanishing)
    with pytest.raises(errors.DamagedFile, match="block-00000/rows is gone since the run was listed"):
        pull(store.uri(), str(tmp_path / "here"))


def test_a_damaged_manifest_stops_a_fetch_with_its_name(place, tmp_path):
    open_store(place).overwrite("surveys/base/survey/all_cameras/block-00000/manifest.json", b"\xff{")
    with pytest.raises(errors.DamagedFile, match=r"block-00000/manifest\.json is not a manifest"):
        pull(f"{place}/surveys/base", str(tmp_path / "here"))


def test_a_fetch_follows_no_link_and_puts_nothing_into_another_run(place, tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/summary.json").symlink_to(tmp_path / "precious")
    pull(f"{place}/surveys/base", str(tmp_path / "here"))
    assert (tmp_path / "precious").read_text() == "mine"
    with pytest.raises(errors.OtherRun, match=r"config\.json holds other bytes"):
        pull(f"{place}/trained", str(tmp_path / "here"))
    assert not (tmp_path / "here/training").exists()


def test_a_driver_at_work_leaves_its_lease_out_of_what_is_fetched(bucket, tmp_path):
    store = open_store(f"{bucket}/run")
    store.write_once("config.json", b'{"command": "survey"}')
    store.write_once(".run.lease.json", b"{}")
    assert pull(store.uri(), str(tmp_path / "here")).list() == ["config.json"]


def test_what_may_not_be_read_is_damage_and_is_not_fetched_around(tmp_path):
    top = Path("/tmp") / f"stored-{os.getpid()}"
    try:
        store = FolderStore(top)
        store.write_once("config.json", b'{"command": "survey"}')
        for name in ("open", "closed", "rows"):
            stage(store, name, b"rows")
        (top / "closed").chmod(0)
        (top / "rows/rows").chmod(0)
        with nobody():
            verdict = verify(str(top))
            with pytest.raises(errors.DamagedFile, match="closed cannot be read: Permission denied"):
                pull(str(top), str(tmp_path / "here"))
            with pytest.raises(errors.DamagedFile, match="closed cannot be read: Permission denied"):
                pull(str(top / "closed"), str(tmp_path / "there"))
        said = sorted(str(problem).splitlines()[0] for problem in verdict.damage)
        assert [line.partition(" ")[0] for line in said] == [str(top / "closed"), str(top / "rows/rows")]
        assert all("Permission denied" in line for line in said)
    finally:
        (top / "closed").chmod(0o700)
        shutil.rmtree(top)


def test_files_that_nothing_vouches_for_are_named_without_being_damage(place, capsys):
    store = open_store(place)
    store.write_once("surveys/base/holiday.jpg", b"sea")
    store.write_once("surveys/base/survey/all_cameras/block-00000/copy", b"rows")
    assert main(["verify", place]) == 0
    said = capsys.readouterr().out
    unguarded, strays = said.split("part of no run")
    assert f"{place}/surveys/base/summary.json" in unguarded.split("not guarded")[1]
    assert "holiday.jpg" in strays
    assert "block-00000/copy" in strays


def test_another_programs_folder_beside_runs_is_none_of_ours(place, capsys):
    store = open_store(place)
    store.write_once("hub/config.json", b'{"hidden_size": 64}')
    store.write_once("hub/model.safetensors", b"weights of theirs")
    assert main(["verify", place]) == 0
    assert "hub" not in capsys.readouterr().out


def test_a_checkpoint_that_a_training_deletes_meanwhile_is_no_damage(place, monkeypatch):
    store = open_store(place)
    kind, read = type(store), type(store).read

    def deleting(self, key):
        if key.endswith("step-000200/rows"):
            store.delete("trained/training/checkpoints")
        return read(self, key)

    monkeypatch.setattr(kind, "read", deleting)
    verdict = verify(place)
    assert verdict.damage == []
    assert verdict.objects == 3
