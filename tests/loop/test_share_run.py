"""The whole loop, in a process of its own, on the built-in model: finished, killed, out of disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
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


def kill_when(out: Path, pattern: str) -> str:
    """Run the command, SIGKILL its driver as soon as a file of this pattern is there, and return what it said."""
    with tempfile.TemporaryFile("w+") as said:
        driver = subprocess.Popen(command(out), stdout=said, stderr=said)
        while not any(out.glob(pattern)):
            assert driver.poll() is None, f"the driver ended before there was a {pattern}"
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        said.seek(0)
        return said.read()


def rows(out: Path, surveys: str = "judge-*") -> dict[str, dict[str, list]]:
    """Every row of a run's surveys, by file, as the values read back."""
    files = sorted(out.glob(f"{surveys}/**/*.parquet"))
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
    before = rows(finished)
    assert before
    stamps = {path: path.stat().st_mtime_ns for path in finished.glob("judge-*/**/*.parquet")}
    finish(finished)
    assert rows(finished) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@pytest.mark.slow
def test_another_seed_in_the_same_folder_is_refused(finished):
    ended = subprocess.run([*command(finished), "--seed", "5"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "seed: 0 -> 5" in ended.stderr


@pytest.mark.slow
def test_a_run_killed_in_survey_training_and_judging_ends_with_the_same_rows(finished, tmp_path):
    out, trained = tmp_path / "run", "round-00/training/trained/model.safetensors"
    first, last = (f"{place}/all_cameras/block-00000/manifest.json" for place in ("base/steer", "judge-after"))
    kill_when(out, first)
    written = (out / first).stat().st_mtime_ns
    kill_when(out, "round-00/training/checkpoints/*/manifest.json")
    assert "goes on after step" in kill_when(out, last)
    assert not (out / "summary.json").exists()
    finish(out)
    assert (out / first).stat().st_mtime_ns == written
    assert (out / trained).read_bytes() == (finished / trained).read_bytes()
    assert rows(out, "round-00") == rows(finished, "round-00") != {}
    assert rows(out) == rows(finished) != {}


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_run_whose_disk_fills_up_says_so_and_goes_on_when_there_is_room(finished, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(small)], check=True)
    try:
        ended = subprocess.run(command(small / "run"), capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert "StorageFull" in ended.stderr
        assert "Everything finished so far is kept" in ended.stderr
        kept = {path: path.stat().st_mtime_ns for path in small.glob("run/judge-before/**/*.parquet")}
        assert kept
        subprocess.run(["mount", "-o", "remount,size=500m", str(small)], check=True)
        finish(small / "run")
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
        assert rows(small / "run") == rows(finished)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
