"""The proof keeps what a command made and nothing else, and its tables say what the seeds say."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from share_dist.errors import BadSetting, OtherRun, RepairFailed
from share_dist.studies import proof
from share_dist.studies.proof_tables import changes_table, half_width, runs_table

REPAIR = proof.REPAIRS["demo"][0]


def summary(after_mm: float) -> dict:
    """A run's summary as far as the tables read it."""
    names = ("mpjpe_mm", "pa_mpjpe_mm", "worst_tenth_fixed_mpjpe_mm", "worst_tenth_own_mpjpe_mm")
    figures = {when: dict.fromkeys(names, value) for when, value in (("before", 200.0), ("after", after_mm))}
    return {when: {"all_cameras": found, "everyday": found} for when, found in figures.items()} | {
        "seconds": {"base survey": 60.0, "round 1": 30.0}
    }


@pytest.fixture
def ended(monkeypatch, tmp_path):
    """Work in an empty place where an older run lies in the proof's folder; its command ends as one says."""
    monkeypatch.chdir(tmp_path)
    old = proof.RUNS / REPAIR.name
    (old / "report").mkdir(parents=True)
    (old / "summary.json").write_text(json.dumps(summary(150.0)))
    (old / "report/before-after.png").write_bytes(b"picture")

    def with_status(status: int) -> None:
        answer = subprocess.CompletedProcess([], status)
        monkeypatch.setattr(proof.subprocess, "run", lambda command, check: answer)

    return with_status


KEPT = Path("results/repairs", REPAIR.name, "summary.json")


@pytest.mark.parametrize("status", [OtherRun.exit_status, 1, 130, -9])
def test_an_older_result_is_not_kept_under_a_command_that_did_not_make_it(ended, status):
    ended(status)
    with pytest.raises(SystemExit, match=f"status {status}; nothing of it was kept"):
        proof.share(REPAIR)
    assert not KEPT.exists()


@pytest.mark.parametrize("status", [0, RepairFailed.exit_status])
def test_a_finished_repair_is_kept_with_its_command_even_when_no_round_was_accepted(ended, status):
    ended(status)
    proof.share(REPAIR)
    assert json.loads(KEPT.read_text())["command"] == "share-dist share demo --seed 0"


def test_the_tables_hold_the_runs_of_this_proof_in_its_order(ended):
    for name in ("full-seed-0", "demo-uniform-seed-1", "demo-seed-2", "of-an-older-proof", "demo-seed-0"):
        folder = Path("results/repairs", name)
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps(summary(100.0)))
    rows = [line.split(" | ")[0] for line in proof.write_tables().read_text().splitlines() if line.startswith("| ")]
    runs = ["| demo-seed-0", "| demo-seed-2", "| demo-uniform-seed-1", "| full-seed-0"]
    assert rows == ["| run", *runs, "| method", "| demo", "| demo-uniform", "| full"]


def test_an_unknown_part_is_refused_before_anything_runs():
    with pytest.raises(BadSetting, match="did you mean 'rivals'"):
        proof.main(["demo", "rival"])


def test_a_run_is_a_row_before_and_after():
    assert "| 200.0 → 150.0 (-25.0 %) |" in runs_table({"demo-seed-0": summary(150.0)})
    assert "| 1.5 |" in runs_table({"demo-seed-0": summary(150.0)})


def test_the_interval_of_a_method_is_students_over_its_seeds():
    # Three values at -1, 0 and 1 have a deviation of 1; t(0.975, 2) is 4.3027.
    assert half_width([-1.0, 0.0, 1.0]) == pytest.approx(4.3027 / 3**0.5, rel=1e-4)
    table = changes_table({"demo": [summary(after_mm) for after_mm in (148.0, 150.0, 152.0)]})
    assert "| demo | 3 | -25.0 ± 2.5 % |" in table


def test_a_single_seed_has_no_interval():
    assert "| full | 1 | -25.0 % |" in changes_table({"full": [summary(150.0)]})
