"""The whole loop, in a process of its own, on the built-in model: finished, killed, out of disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

TINY = {
    "survey.steer-views": 256,
    "survey.judge-views": 512,
    "rome.pool-size": 512,
    "learning.fresh-views": 256,
    "learning.reuse": 16,
    "learning.batch-size": 32,
    "learning.checkpoint-every": 8,
    "learning.learning-rate": 1e-6,
    "share.everyday-tolerance": 0.5,
}
"""A run of every stage with hardly any work in it; its round may be refused, which is no failure here."""


def command(out: Path) -> list[str]:
    options = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "share_dist.cli", "share", "smoke", "--out", str(out), *options]


def finish(out: Path) -> str:
    """Run the command to its end and return what it said; a refused round also ends in order."""
    ended = subprocess.run(command(out), capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0 or "RepairFailed" in said, said
    return said


def kill_when(out: Path, reached: str) -> None:
    """Start the command and SIGKILL its process once a file matching `reached` exists."""
    log = open(out.parent / f"{out.name}.log", "a")  # noqa: SIM115 (outlives this function with the process)
    process = subprocess.Popen(command(out), stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 240
    while not list(out.glob(reached)):
        assert process.poll() is None, (out.parent / f"{out.name}.log").read_text()
        assert time.monotonic() < deadline, f"{reached} never appeared"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def judge_rows(out: Path) -> dict[str, bytes]:
    """Every judge row of a run, by file, as the values read back."""
    files = sorted(out.glob("judge-*/**/block-*.parquet"))
    return {str(path.relative_to(out)): parquet.read_table(path).to_pydict() for path in files}


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
def test_a_run_leaves_a_page_and_its_picture(finished):
    assert b"<html" in (finished / "report/index.html").read_bytes()
    assert (finished / "report/before-after.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_same_command_on_a_finished_run_changes_nothing(finished):
    before = judge_rows(finished)
    stamps = {path: path.stat().st_mtime_ns for path in finished.glob("judge-*/**/*.parquet")}
    finish(finished)
    assert judge_rows(finished) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_in_survey_training_and_judging_ends_with_the_very_same_rows(finished, tmp_path):
    out = tmp_path / "killed"
    kill_when(out, "base/steer/all_cameras/block-*.parquet")
    kill_when(out, "round-00/training/checkpoints/step-0000*/manifest.json")
    kill_when(out, "judge-after/all_cameras/block-*.parquet")
    said = finish(out)
    assert "round 1 training  step" not in said, "the training was done and must not be repeated"
    assert (out / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    rows = judge_rows(out)
    assert rows == judge_rows(finished)
    assert len(rows) == 12


@pytest.mark.slow
def test_another_seed_in_the_same_folder_is_refused(finished):
    ended = subprocess.run([*command(finished), "--seed", "5"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "seed: 0 -> 5" in ended.stderr
