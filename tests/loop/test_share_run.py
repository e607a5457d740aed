"""The whole loop, in a process of its own, on the built-in model: finished, killed, out of disk."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow.parquet as parquet
import pytest
from browser import Browser, missing
from spoiled import require_all_guarded, with_flipped_bit

from share_dist.cli import main
from share_dist.errors import RepairFailed
from share_dist.ops import pull, verify
from share_dist.storage import MANIFEST

TINY = {
    "survey.steer-views": 256,
    "survey.judge-views": 512,
    "rome.pool-size": 512,
    "landscape.max-terms": 60,
    "learning.fresh-views": 128,
    "learning.reuse": 4,
    "learning.batch-size": 32,
    "learning.checkpoint-every": 6,
    "learning.learning-rate": 3e-4,
    "share.rounds": 2,
    "share.attempts": 2,
    "share.everyday-share": 0.1,
    "share.everyday-tolerance": 1.0,
    # Another test may have the other core, and threads that wait for each other there wait for long.
    "training.threads-per-worker": 1,
    "fleet.render-actors": 1,
    "fleet.evaluators": 1,
}
"""A run of every stage with hardly any work in it, and with a tolerance that keeps what improves."""
ONE_ROUND = {"share.rounds": 1}
RUINOUS = ONE_ROUND | {"share.everyday-tolerance": 0.0}
"""Settings with which a round cannot be kept: its training forgets some of the everyday."""


def command(out: Path, **changed: float) -> list[str]:
    options = [word for name, value in (TINY | changed).items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "share_dist.cli", "share", "smoke", "--out", str(out), *options]


def finish(out: Path, status: int = 0, **changed: float) -> str:
    """Run the command to its end, which must be with this status, and return what it said."""
    ended = subprocess.run(command(out, **changed), capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode == status, said
    return said


def kill_when(out: Path, pattern: str, **changed: float) -> str:
    """Run the command, SIGKILL its driver as soon as a file of this pattern is there, and return what it said."""
    with tempfile.TemporaryFile("w+") as said:
        driver = subprocess.Popen(command(out, **changed), stdout=said, stderr=said)
        while not any(out.glob(pattern)):
            assert driver.poll() is None, f"the driver ended before there was a {pattern}"
            time.sleep(0.02)
        family = psutil.Process(driver.pid).children(recursive=True)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        # Ray's two agents may look for their dead cluster for a minute more; they hold nothing and do nothing.
        busy = [other for other in family if not name_of(other).endswith("Agent")]
        assert len(busy) >= 4
        assert psutil.wait_procs(busy, timeout=60)[1] == [], "processes of a dead driver go on"
        said.seek(0)
        return said.read()


def name_of(process: psutil.Process) -> str:
    """A process's name, which Ray sets to what it does; empty once it is gone."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def rows(out: Path, surveys: str = "judge-*") -> dict[str, dict[str, list]]:
    """Every row of a run's surveys, by file, as the values read back."""
    files = sorted(out.glob(f"{surveys}/**/*.parquet"))
    return {str(path.relative_to(out)): parquet.read_table(path).to_pydict() for path in files}


# The first of them makes the run, on a machine that does other tests too.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that nobody disturbed."""
    out = tmp_path_factory.mktemp("share") / "undisturbed"
    finish(out)
    return out


@pytest.mark.slow
def test_a_run_leaves_a_summary_with_every_promised_figure(finished):
    summary = json.loads((finished / "summary.json").read_text())
    figures = {"mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "root_error_deg", "flip_share", "mpjpe_root_aligned_mm"}
    worst = {"worst_tenth_fixed_mpjpe_mm", "worst_tenth_own_mpjpe_mm"}
    for when in ("before", "after"):
        for name in ("all_cameras", "everyday"):
            assert figures | worst | {"by_elevation", "views"} <= summary[when][name].keys()
            assert summary[when][name]["views"] == 512
        assert {"full_sphere", "close_up"} <= summary[when].keys()
    assert {"rounds", "seconds", "versions", "plans", "body", "seed"} <= summary.keys()
    assert all(row["why"] for row in summary["rounds"])


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=missing() or "found")
def test_a_run_leaves_a_page_that_a_browser_shows_whole(finished):
    rounds = json.loads((finished / "summary.json").read_text())["rounds"]
    with Browser() as window:
        window.open(finished / "report/index.html")
        assert [entry for entry in window.log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
        assert window.run("return document.querySelector('.globe').dataset.points") == "4096"
        widths = window.run("return [...document.querySelectorAll('#gallery img')].map(i => i.naturalWidth)")
        assert len(widths) >= 6
        assert min(widths) > 0
        assert window.run("return document.querySelectorAll('.rounds tbody tr').length") == len(rounds)
        assert "training.zero_stage" in window.run("return document.querySelector('#run').textContent")
    assert (finished / "report/before-after.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_page_is_written_again_from_what_is_stored_and_its_place_is_said(finished, capsys):
    page = finished / "report/index.html"
    page.unlink()
    assert main(["report", str(finished)]) == 0
    written = page.read_bytes()
    assert main(["report", str(finished)]) == 0
    assert page.read_bytes() == written
    assert f"Look at the page: {page}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_second_round_begins_with_the_model_that_the_first_one_kept(finished):
    tries = json.loads((finished / "summary.json").read_text())["rounds"]
    kept = [row for row in tries if row["accepted"]]
    assert kept[0]["round"] == 0
    assert {row["round"] for row in tries} == {0, 1}
    assert all(row["before_mm"] == kept[0]["after_mm"] for row in tries if row["round"] == 1)
    assert kept[0]["after_mm"]["all_cameras"] < kept[0]["before_mm"]["all_cameras"]
    last = finished / f"round-{kept[-1]['round']:02d}/attempt-{kept[-1]['attempt']}/model.safetensors"
    assert (finished / "model.safetensors").read_bytes() == last.read_bytes()


@pytest.mark.proof
@pytest.mark.slow
def test_the_same_command_on_a_finished_run_changes_nothing(finished):
    before = rows(finished)
    assert before
    stamps = {path: path.stat().st_mtime_ns for path in finished.glob("judge-*/**/*.parquet")}
    finish(finished)
    assert rows(finished) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@pytest.mark.slow
def test_another_seed_in_the_same_folder_is_refused(finished, capsys):
    assert main([*command(finished)[3:], "--seed", "5"]) == 2
    assert "seed: 0 -> 5" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_in_training_ends_as_it_would_have_and_one_that_keeps_no_round_says_so(finished, tmp_path):
    """Two claims of one run, for a run takes a minute. But for strictness it is the undisturbed one's first round."""
    out, trained = tmp_path / "run", "round-00/training/trained/model.safetensors"
    kill_when(out, "round-00/training/checkpoints/*/manifest.json", **RUINOUS)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("judge-before/**/*.parquet")}
    assert "goes on after step" in (said := finish(out, status=RepairFailed.exit_status, **RUINOUS))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert rows(out, "judge-before") == rows(finished, "judge-before") != {}
    assert (out / trained).read_bytes() == (finished / trained).read_bytes()
    assert rows(out, "round-00/attempt-0") == rows(finished, "round-00/attempt-0") != {}

    tries = json.loads((out / "summary.json").read_text())["rounds"]
    assert [(row["attempt"], row["step"], row["accepted"]) for row in tries] == [(0, 1.0, False), (1, 0.8, False)]
    assert "none of the 2 tries was accepted" in said
    assert said.rstrip().endswith(f"The page says why each was refused: {out}/report/index.html")
    assert "FAILED" in (out / "report/index.html").read_text()
    assert (out / "model.safetensors").read_bytes() == (out / "base/model.safetensors").read_bytes()


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_while_it_is_judged_asks_only_for_what_is_missing(finished, tmp_path):
    out, block = tmp_path / "run", "judge-after/all_cameras/block-00000/manifest.json"
    kill_when(out, block, **ONE_ROUND)
    assert not (out / "summary.json").exists()
    written = (out / block).stat().st_mtime_ns
    finish(out, **ONE_ROUND)
    assert (out / block).stat().st_mtime_ns == written
    assert rows(out, "judge-before") == rows(finished, "judge-before") != {}


@pytest.mark.proof
@pytest.mark.slow
def test_a_run_goes_on_after_a_full_disk(finished, mounted):
    """Its first training finds no room."""
    out = mounted("size=30m") / "run"
    assert "StorageFull" in (said := finish(out, status=2, **ONE_ROUND))
    assert "Everything finished so far is kept" in said
    kept = {path: path.stat().st_mtime_ns for path in out.glob("judge-before/**/*.parquet")}
    assert rows(out) == rows(finished, "judge-before") != {}

    mounted("remount,size=1g")
    finish(out, **ONE_ROUND)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.fixture(scope="module")
def copy(finished, tmp_path_factory):
    """A copy of a finished run, fetched as one fetches it."""
    return pull(str(finished), str(tmp_path_factory.mktemp("copy") / "run"))


@pytest.mark.slow
def test_every_flipped_bit_and_every_lost_file_of_a_run_is_named(copy):
    require_all_guarded(copy, seeds=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("summary.json", b'"all_cameras_gain_percent": ', b'"all_cameras_gain_percent": 1'),
        ("round-00/regions/regions.json", b"1", b"2"),
        ("judge-before/all_cameras/meta.json", b'"count": 512', b'"count": 256'),
        ("config.json", b'"seed": 0', b'"seed": 1'),
        ("report/exhibits/exhibits.npz", b"PK", b"QK"),
        ("judge-after/all_cameras/block-00001/rows.parquet", b"PAR1", b"PAR2"),
    ],
)
def test_a_page_shows_nothing_that_has_changed(copy, capsys, key, old, new):
    whole, page = copy.read(key), copy.read("report/index.html")
    changed = whole.replace(old, new, 1)
    assert changed != whole
    copy.overwrite(key, changed)
    assert main(["report", copy.uri()]) == 2
    assert f"DamagedFile: {copy.uri(key)} " in capsys.readouterr().err
    copy.remove([key])
    assert main(["report", copy.uri()]) == 2
    assert key.removesuffix("/exhibits.npz") in capsys.readouterr().err
    assert copy.read("report/index.html") == page
    copy.overwrite(key, whole)
    assert verify(copy.uri()).damage == []


@pytest.mark.slow
def test_a_damaged_page_is_written_again_and_vouched_for(copy):
    whole = copy.read("report/index.html")
    copy.overwrite("report/index.html", with_flipped_bit(whole, 0))
    assert main(["report", copy.uri()]) == 0
    assert copy.read("report/index.html") == whole
    assert verify(copy.uri()).damage == []


@pytest.mark.slow
@pytest.mark.parametrize("key", ["config.json", "base/model.safetensors"])
def test_the_same_command_names_what_is_damaged_and_calls_it_no_other_run(copy, capsys, key):
    whole = copy.read(key)
    copy.overwrite(key, with_flipped_bit(whole, 1))
    assert main(command(copy.root)[3:]) == 2
    said = capsys.readouterr().err
    assert "DamagedFile" in said
    assert f"{copy.uri(key)} " in said
    copy.overwrite(key, whole)


@pytest.mark.slow
def test_a_run_of_an_earlier_version_is_read_and_finished_again(copy, capsys):
    """As that left it: without a manifest of its own, and without hashes in its files."""
    copy.remove([MANIFEST])
    for key in copy.list():
        if key.endswith(".json"):
            value = json.loads(copy.read(key))
            if isinstance(value, dict) and value.pop("sha256", None):
                copy.overwrite(key, json.dumps(value, indent=1).encode())
    verdict = verify(copy.uri())
    assert verdict.damage == verdict.strays == []
    assert copy.uri("summary.json") in verdict.unguarded
    assert main(["report", copy.uri()]) == 0
    assert main(command(copy.root)[3:]) == 0
    verdict = verify(copy.uri())
    assert verdict.damage == verdict.unguarded == verdict.strays == []
    shutil.rmtree(copy.root)
