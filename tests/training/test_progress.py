"""What a training says while it runs."""

from __future__ import annotations

import json

import pytest

from share_dist.learning import StepReport
from share_dist.storage import FolderStore
from share_dist.training import progress


@pytest.fixture
def said(monkeypatch):
    """The lines put where the driver reads them, without a Ray to hold them."""
    lines: list[str] = []
    monkeypatch.setattr(progress, "_internal_kv_put", lambda key, line, **_: lines.append(line.decode()))
    return lines


def report(step: int, seconds: float = 0.5, waited: float = 0.1) -> StepReport:
    return StepReport(step, 4000, 0.25, {"pose": 0.125}, 1e-3, 0.7, seconds, waited)


def log_steps(store, start, steps):
    rank_log = progress.RankLog("round-01", "channel", store, start, 64)
    for step in steps:
        rank_log.step(report(step))
    rank_log.close()


def test_a_line_says_step_loss_speed_waiting_and_time_to_go(tmp_path, said):
    log_steps(FolderStore(tmp_path), 0, range(400))
    assert said == [
        "round-01 training  step 400/4,000  loss 0.2500  (pose 0.1250)  128 pictures/s  waiting 20%  eta 0:30:00"
    ]


def test_lines_come_at_most_every_ten_seconds(tmp_path, said, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    rank_log = progress.RankLog("toy", "channel", FolderStore(tmp_path), 0, 64)
    for step in range(100):
        now[0] += 0.5
        rank_log.step(report(step))
    assert len(said) == 5


def test_steps_that_a_killed_run_took_after_its_checkpoint_are_forgotten(tmp_path, said):
    store = FolderStore(tmp_path)
    log_steps(store, 0, range(10))
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 10, "lo')
    log_steps(store, 8, range(8, 12))
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(12))
    assert list((tmp_path / "tensorboard").glob("events.out.*"))
