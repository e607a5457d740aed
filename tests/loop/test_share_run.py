"""The whole loop, in a process of its own, on the built-in model: finished, killed, out of disk."""

from __future__ import annotations

import json
import subprocess
import sys
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


def judge_rows(out: Path) -> dict[str, bytes]:
    """Every judge row of a run, by file, as the values read back."""
    files = sorted(out.glob("judge-*/**/*.parquet"))
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
    assert before
    stamps = {path: path.stat().st_mtime_ns for path in finished.glob("judge-*/**/*.parquet")}
    finish(finished)
    assert judge_rows(finished) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@pytest.mark.slow
def test_another_seed_in_the_same_folder_is_refused(finished):
    ended = subprocess.run([*command(finished), "--seed", "5"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "seed: 0 -> 5" in ended.stderr
