"""What a training says while it runs."""

from __future__ import annotations

import json
import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from share_dist import errors
from share_dist.learning import StepReport
from share_dist.storage import FolderStore, open_store
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


def test_a_changed_line_of_an_interrupted_training_is_damage(tmp_path, said):
    store = FolderStore(tmp_path)
    log_steps(store, 0, range(5))
    store.overwrite("metrics.jsonl", store.read("metrics.jsonl").replace(b'"step": 3', b'"step": 2'))
    with pytest.raises(
        errors.DamagedFile, match=r"metrics\.jsonl has changed since it was written: line 4 (.|\n)*Delete it"
    ):
        progress.RankLog("round-01", "channel", store, 5, 64)


def kept_steps(store):
    return [json.loads(line)["step"] for line in store.read("metrics.jsonl").splitlines()]


def curve_steps(store):
    """The steps of the loss curve in the one file of events, as TensorBoard would draw them."""
    (key,) = store.list("tensorboard")
    data, found = store.read(key), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        found += [event.step for value in event.summary.value if value.tag.endswith("/loss")]
        data = data[16 + length :]
    return found


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_after_a_resume_the_steps_before_the_checkpoint_are_there_once(tmp_path, said, kind, request):
    store = open_store(tmp_path if kind == "folder" else request.getfixturevalue("bucket"))
    killed = progress.RankLog("round 1", "channel", store, 0, 64)
    for step in range(25):
        killed.step(report(step))
    killed.keep()
    assert kept_steps(store) == list(range(25))
    resumed = progress.RankLog("round 1", "channel", store, 15, 64)
    for step in range(15, 32):
        resumed.step(report(step))
    resumed.close()
    assert kept_steps(store) == list(range(32))
    assert curve_steps(store) == [0, 10, 20, 30]


def test_half_a_line_that_an_earlier_release_left_is_forgotten(tmp_path, said):
    store = FolderStore(tmp_path)
    log_steps(store, 0, range(10))
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 10, "lo')
    log_steps(store, 8, range(8, 12))
    assert kept_steps(store) == list(range(12))


def test_a_slow_bucket_costs_a_training_little(tmp_path, said, monkeypatch):
    """Files that took two seconds to keep are not kept again before forty have passed."""
    now, kept = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(
        FolderStore, "overwrite", lambda self, key, data: (kept.append(now[0]), now.__setitem__(0, now[0] + 1))
    )
    rank_log = progress.RankLog("toy", "channel", FolderStore(tmp_path), 0, 64)
    while now[0] < 200:
        now[0] += 0.5
        rank_log.step(report(int(2 * now[0])))
    assert 4 <= len(kept) / 2 <= 6


def test_a_full_disk_on_a_ranks_node_does_not_disturb_it(tmp_path, said, mounted, monkeypatch):
    """Lines and curves are kept in memory until they go into the store, which is elsewhere."""
    import tempfile

    full = mounted("size=4k")
    (full / "filler").write_bytes(bytes(4096))
    monkeypatch.setattr(tempfile, "tempdir", str(full))
    log_steps(FolderStore(tmp_path / "store"), 0, range(50))
    assert curve_steps(FolderStore(tmp_path / "store")) == [0, 10, 20, 30, 40]
