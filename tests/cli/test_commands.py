"""Each command does its work on this machine's own Ray, and ends by saying where to look next."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as parquet
import pytest
from spoiled import require_all_guarded

from share_dist.cli import main
from share_dist.fleet import Fleet, FleetConfig
from share_dist.models import load_checkpoint
from share_dist.storage import open_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def ray_of_this_machine(bucket_server):
    """One Ray for all commands here, which join the one that is there; starting it takes longer than their work.

    Its workers find the bucket as the workers of a cluster do: by the environment in which their node was started.
    """
    with pytest.MonkeyPatch.context() as patched:
        for name, value in bucket_server.environment.items():
            patched.setenv(name, value)
        with Fleet(FleetConfig()):
            yield


def test_a_survey_leaves_rows_figures_and_what_its_landscape_is_worth(tmp_path, capsys):
    out = tmp_path / "survey"
    words = ["survey", "smoke", "--survey.steer-views", "512", "--rome.pool-size", "512", "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    found = json.loads((out / "summary.json").read_text())
    errors_mm = [
        parquet.read_table(path)["mpjpe_mm"].to_numpy() for path in out.glob("survey/all_cameras/block-*/rows.parquet")
    ]
    assert found["all_cameras"]["mpjpe_mm"] == pytest.approx(float(np.concatenate(errors_mm).mean()))
    assert found["held_out"]["views"] == 256
    assert f"RMSE {found['held_out']['rmse_mm']:6.1f} mm" in said
    assert f"RMSE {found['held_out']['neighbours_rmse_mm']:6.1f} mm" in said
    assert said.rstrip().endswith("share-dist share demo --out runs/repaired")

    require_all_guarded(open_store(out))
    damaged = out / "survey/everyday/block-00001/rows.parquet"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "DamagedFile" in said
    assert f"Delete the folder {damaged.parent}" in said


def test_a_base_training_leaves_a_model_with_its_curve_and_card_in_a_bucket(bucket, capsys, monkeypatch, figure):
    monkeypatch.setattr("share_dist.loop.base.CURVE_VIEWS", 256)
    out, store = f"{bucket}/base", open_store(f"{bucket}/base")
    small = {
        "learning.fresh-views": 256,
        "learning.reuse": 2,
        "training.snapshot-every": 4,
        "survey.judge-views": 256,
        "fleet.cache-mb": 200,
        "render.size-px": 48,
        "model.architecture.input-px": 48,
        "model.architecture.width": 8,
    }
    options = [word for name, value in small.items() for word in (f"--{name}", str(value))]
    assert main(["train", "compact-hmr", "--learning.batch-size", "64", *options, "--out", out]) == 0
    said = capsys.readouterr().out
    curve, card = (json.loads(store.read(f"{name}.json")) for name in ("curve", "card"))
    assert [point["step"] for point in curve] == [4, 8]
    assert {"everyday", "all_cameras", "mean_pose_pa_mpjpe_mm", "model_hash"} <= card.keys()
    model, _ = load_checkpoint(f"{out}/model.safetensors", figure.hash)
    assert model.config.width == 8
    steps = [json.loads(line)["step"] for line in store.read("training/metrics.jsonl").splitlines()]
    assert steps == list(range(8))
    assert store.list("training/checkpoints") == store.list("training/ray") == []
    require_all_guarded(store, seeds=1)
    follow_on = f"--model.checkpoint {out}/model.safetensors --render.size-px 48 --out {out}-survey"
    assert said.rstrip().endswith(f"share-dist survey demo {follow_on}")


def test_rendered_views_lie_in_shards_and_an_index_says_how_many_in_a_bucket(bucket, capsys):
    out, words = f"{bucket}/views", ["render", "smoke", "--count", "300", "--render.size-px", "48"]
    assert main([*words, "--out", out]) == 0
    stored = [entry for entry in open_store(out).entries() if entry.key.startswith("shard-")]
    index = json.loads(open_store(out).read("index/index.json"))
    assert index["shards"] == len([entry for entry in stored if entry.key.endswith("/records.tar")]) == 2
    said = capsys.readouterr().out
    require_all_guarded(open_store(out), seeds=1)
    stored = [entry for entry in open_store(out).entries() if entry.key.startswith("shard-")]
    assert main([*words, "--out", out]) == 0
    assert [entry for entry in open_store(out).entries() if entry.key.startswith("shard-")] == stored
    assert f"300 views lie under {out}" in said
    assert "index/index.json there says" in said


def test_the_doctor_looks_at_every_room_that_needs_something(capsys):
    status = main(["doctor"])
    said = capsys.readouterr().out
    for name in ("ray", "shared memory", "EGL"):
        assert name in said
    last = said.rstrip().splitlines()[-1]
    assert last == "All is well; next: make demo." if status == 0 else last.endswith("the remedies stand above.")
