"""A list of what is stored: each object is looked at once, and nothing that is damaged hides the rest."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from share_dist.cli import main
from share_dist.ops import find_runs, listing, look, runs_table, verify
from share_dist.ops.evidence import evidence
from share_dist.storage import FolderStore, commit, finish_run, inside, open_store, sealed
from share_dist.studies.bad_s3 import Schedule

RESULTS = Path(__file__).resolve().parents[2] / "results"
CONFIG = json.dumps({"command": "survey", "seed": 3}).encode()


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path):
    """A place with three runs, each with a stage that was finished."""
    uri = str(tmp_path / "stored") if request.param == "folder" else request.getfixturevalue("bucket")
    for name in "abc":
        put_run(open_store(uri), name)
    return uri


def put_run(store, name, config=CONFIG):
    store.overwrite(f"{name}/config.json", config)
    store.overwrite(f"{name}/survey/rows", b"rows")
    commit(inside(store, f"{name}/survey"), {"rows": b"rows"})


def listed(uri) -> dict[str, tuple[str, str]]:
    return {row.uri.removeprefix(f"{uri}/"): (row.command, row.stage) for rows in look(uri) for row in rows}


WHOLE = ("survey, seed 3", "survey")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "data", "said"),
    [
        ("b/config.json", b"\x00\xff{", "config.json is not JSON"),
        ("b/config.json", b"[" * 100_000, "config.json is not JSON"),
        ("b/config.json", sealed({"command": "survey", "seed": 3}).replace(b"3", b"4", 1), "config.json has changed"),
        ("b/survey/manifest.json", b"", "survey/manifest.json is no manifest"),
        ("b/survey/manifest.json", b"{", "survey/manifest.json is no manifest"),
        ("b/index/index.json", b"{", "index/index.json does not say"),
        ("b/index/index.json", b'{"shards": null}', "index/index.json does not say"),
    ],
)
def test_one_damaged_run_says_so_and_hides_no_other(place, capsys, key, data, said):
    store = open_store(place)
    if "index" in key:
        store.overwrite("b/config.json", CONFIG.replace(b"survey", b"render"))
    store.overwrite(key, data)
    assert main(["ls", place]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if said in line and line.endswith("/b")]
    assert listed(place)["a"] == listed(place)["c"] == WHOLE


@pytest.mark.slow
def test_a_finished_run_that_lost_its_settings_is_called_damaged_and_kept(place):
    run = inside(open_store(place), "b")
    finish_run(run)
    run.remove(["config.json"])
    assert listed(place)["b"] == ("run of unknown kind", "damaged: config.json is gone")
    (damage,) = verify(place).damage
    assert "config.json is gone" in str(damage)
    assert "Put back a whole copy" in str(damage)


def test_in_a_folder_a_manifest_of_any_length_that_is_none_is_named(tmp_path):
    put_run(FolderStore(tmp_path), "a")
    (tmp_path / "a/survey/manifest.json").write_text("this was a manifest, before the power went")
    assert listed(str(tmp_path))["a"][1] == "damaged: survey/manifest.json is no manifest"


@contextmanager
def nobody():
    """Give up root's right to read everything, if we have it."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_what_may_not_be_read_is_a_line_of_its_own(capsys):
    top = Path("/tmp") / f"listing-{os.getpid()}"
    try:
        for name in ("a", "b", "c"):
            put_run(FolderStore(top), name)
        (top / "b").chmod(0)
        (top / "c/config.json").chmod(0)
        with nobody():
            assert main(["ls", str(top)]) == 1
            assert listed(str(top))["a"] == WHOLE
            assert main(["ls", f"{top}/b/survey"]) == 1
            assert main(["report", f"{top}/b"]) == 2
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if "cannot be read: Permission denied" in line and line.endswith("/b")]
        assert [line for line in lines if "config.json cannot be read: Perm" in line and line.endswith("/c")]
    finally:
        (top / "b").chmod(0o700)
        shutil.rmtree(top)


def test_a_link_that_leads_nowhere_or_in_a_circle_is_a_line_of_its_own(tmp_path):
    put_run(FolderStore(tmp_path), "a")
    (tmp_path / "latest").symlink_to("gone")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "above").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.json")
    found = listed(str(tmp_path))
    assert found["a"] == WHOLE
    assert found["latest"] == ("link", "leads nowhere: gone")
    assert found["circle"] == ("link", "cannot be read: Too many levels of symbolic links")
    assert len(found) == 3


def test_a_run_that_is_deleted_meanwhile_is_no_fault(place, monkeypatch):
    """Deleted for real, between the look at the place and the look at the run."""
    whole = listing.look_below

    def look_and_delete(store):
        found = whole(store)
        store.delete("b")
        return found

    monkeypatch.setattr(listing, "look_below", look_and_delete)
    runs, _ = look(place)
    assert [run.stage for run in runs] == ["survey", "deleted while this list was made", "survey"]
    assert not any(run.damaged for run in runs)


def test_committed_results_say_what_they_are(capsys):
    assert main(["ls", str(RESULTS)]) == 0
    found = listed(str(RESULTS))
    assert found["sweep"] == ("sweep, seed 2000", "finished")
    assert found["bench/render.json"][0] == "bench of render"
    assert found["chaos"][0] == "chaos audits, 20"
    assert found["repairs"][0] == "study of repairs, 7"
    assert found["forgetting.json"][0] == "study of forgetting, seed 1000"
    assert found["scaling.json"][0] == "study of scaling"
    assert found["worlds.json"][0] == "study of ranks and ZeRO stages"
    assert found["repairs.md"][0] == "text, Repairs"
    assert "no run" not in {what for what, _ in found.values()}
    for file in RESULTS.rglob("*.json"):
        if file.parent.name != "sweep":
            assert evidence(file.name, file.read_bytes()), file


def test_a_single_file_and_a_single_summary_say_what_they_are(capsys):
    assert main(["ls", str(RESULTS / "bench/render.json")]) == 0
    assert "bench of render" in capsys.readouterr().out
    assert main(["ls", str(RESULTS / "repairs/full-seed-0")]) == 0
    said = capsys.readouterr().out
    assert "summary of a repair, seed 0" in said
    assert "1 file" not in said, "the picture beside the summary belongs to it"


def test_what_is_none_of_ours_is_listed_as_no_run(place):
    store = open_store(place)
    for key in ("other/config.json", "other/model/weights.bin", "notes.txt", ".hidden/notes.txt"):
        store.overwrite(key, b'{"model_type": "bert"}')
    found = listed(place)
    assert found["other"] == ("no run", "2 files")
    assert found["notes.txt"] == ("no run", "1 file")
    assert len(found) == 5


def test_names_are_shown_and_not_obeyed(tmp_path, capsys):
    name = "a\x1b]0;owned\x07\n\u202eb"
    put_run(FolderStore(tmp_path), name, json.dumps({"command": "sur\x1b[2Jvey", "seed": "\n\x9b"}).encode())
    put_run(FolderStore(tmp_path), "caf\udce9")
    (tmp_path / "link\x1b[2J").symlink_to("no\nwhere")
    assert main(["ls", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)
    assert any(r"a\x1b]0;owned\x07\n\u202eb" in line for line in lines)


def steps_of(work) -> int:
    """How many lines of ours are run, which is the same on any machine."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith(str(RESULTS.parent / "share_dist/ops")):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_twice_the_runs_are_twice_the_work(tmp_path, monkeypatch):
    """Counted in lines of code that are run, not in seconds; threads would not be counted."""
    monkeypatch.setattr(listing, "together", lambda work, items: [work(item) for item in items])
    counts = []
    for total in (25, 50, 100):
        for index in range(total):
            (tmp_path / f"{total}/run-{index}").mkdir(parents=True)
            (tmp_path / f"{total}/run-{index}/config.json").write_bytes(CONFIG)
        counts.append(steps_of(lambda: find_runs(str(tmp_path / str(total)))))  # noqa: B023
    assert counts[0] > 25 * 10
    assert counts[1] - counts[0] == pytest.approx(counts[0], rel=0.1)
    assert counts[2] - counts[1] == pytest.approx(2 * counts[0], rel=0.1)


@pytest.mark.slow
def test_a_bucket_is_asked_for_one_object_a_run_and_many_at_once(bucket, bad_bucket):
    for index in range(20):
        put_run(open_store(bucket), f"run-{index:02d}")
    proxy = bad_bucket(Schedule(seed=0, share=0.0))
    runs = find_runs(bucket)
    assert len(runs) == 20
    asked = [path for method, path in proxy.log if method == "GET" and path.endswith(".json")]
    assert sorted(asked) == sorted(
        f"/{bucket.removeprefix('s3://')}/run-{index:02d}/config.json" for index in range(20)
    )
    assert len(proxy.log) <= 21


@pytest.mark.slow
def test_a_bucket_lists_the_same_through_any_network_from_any_region_and_in_pages_of_one(bucket, bad_bucket, hurry):
    for index in range(8):
        put_run(open_store(bucket), f"run {index}+é%2F")
    wanted = look(bucket)
    store = open_store(bucket)
    for key in ("/config.json", "a//config.json", "b/../config.json", "./config.json"):
        # Others may have such objects there; no run has.
        store.client.put_object(Bucket=store.bucket, Key=f"{store.prefix}/{key}", Body=CONFIG)
    proxy = bad_bucket(Schedule(seed=3, share=0.3))
    assert look(bucket) == wanted
    assert proxy.counts["requests"] > proxy.counts.total() - proxy.counts["requests"] > 0
    proxy.begin(Schedule(seed=0, share=0.0))
    proxy.manners = {"wants region eu-west-1", "one key a page"}
    assert look(bucket) == wanted
    assert sum(path.endswith("/config.json") for _, path in proxy.log) == 8


def test_the_table_widens_for_what_is_long_and_stays_a_line_each():
    rows = [
        listing.StoredRun(uri=f"/x/{name}", command=name, stage="finished", bytes=1, changed=0.0)
        for name in ("a", "study of ranks and ZeRO stages", "b" * 300)
    ]
    assert len(runs_table(rows).splitlines()) == 4
