"""What a run that is not finished holds outside its stages vouches for itself."""

from __future__ import annotations

import json

import pytest
from spoiled import with_flipped_bit

from share_dist.models import BASE_CHECKPOINT
from share_dist.ops import verify
from share_dist.ops.guards import own_verdict
from share_dist.storage import FolderStore, line_checksum, once, sealed, sealed_line
from share_dist.training.curves import Curves

ENTRY = json.dumps({"op_code": 6, "worker_id": "w", "values": [1.25]}, separators=(",", ":"))


@pytest.fixture
def unfinished(tmp_path):
    """A run that was killed while it trained."""
    store, curves = FolderStore(tmp_path), Curves()
    for step in range(20):
        curves.add("round 1/loss", 1 / (1 + step), step)
    once(store, "plan", lambda: b"{}", lambda data, at: at.write_once("plan.json", data), lambda at: None)
    store.write_once("config.json", sealed({"command": "share", "seed": 0}))
    store.write_once("seconds.json", sealed({"spent": {"round 1": 4.5}, "finished": []}))
    store.write_once("base/model.safetensors", BASE_CHECKPOINT.read_bytes())
    store.write_once("round-00/training/metrics.jsonl", f"{sealed_line({'step': 0, 'loss': 0.5})}\n".encode() * 3)
    store.write_once("round-00/training/tensorboard/events.out.tfevents.round-1", bytes(curves))
    store.write_once("study.journal", f'{ENTRY[:-1]},"check":"{line_checksum(ENTRY)}"}}\n'.encode() * 3)
    return store


def test_each_flipped_bit_outside_the_stages_of_an_unfinished_run_is_named(unfinished):
    verdict = verify(unfinished.uri())
    assert (verdict.damage, verdict.unguarded, verdict.strays, verdict.objects) == ([], [], [], 7)
    whole = {key: unfinished.read(key) for key in unfinished.list() if not key.startswith("plan/")}
    for seed in range(3):
        for key, data in whole.items():
            unfinished.overwrite(key, with_flipped_bit(data, seed))
        said = [str(problem).splitlines()[0] for problem in verify(unfinished.uri()).damage]
        assert len(said) == len(whole)
        assert all(any(line.startswith(f"{unfinished.uri(key)} ") for line in said) for key in whole)


def test_every_flipped_bit_of_a_training_curve_is_found(unfinished):
    key = "round-00/training/tensorboard/events.out.tfevents.round-1"
    whole = unfinished.read(key)
    assert own_verdict(unfinished, key, whole) is True
    for place in range(0, 8 * len(whole), 11):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        assert "has changed" in str(own_verdict(unfinished, key, bytes(changed)))
    for end in (1, 13, len(whole) - 1):
        assert "has changed" in str(own_verdict(unfinished, key, whole[:end]))
