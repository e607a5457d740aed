"""The GPU's bench: refused where there is none, and the same measurement on a CPU with small sizes."""

from __future__ import annotations

import pytest
import torch

from share_dist.cli import main
from share_dist.learning import LearningConfig
from share_dist.models import ModelConfig
from share_dist.studies import bench_gpu
from share_dist.training import TrainingConfig


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, on which the bench takes minutes")
def test_without_a_gpu_it_says_so_and_what_to_do(capsys):
    assert main(["bench", "gpu"]) == 2
    said = capsys.readouterr().err
    assert "PyTorch finds none here" in said
    assert "Run it on a machine with one" in said


@pytest.mark.proof
@pytest.mark.slow
def test_it_says_how_fast_pictures_are_drawn_and_learned_and_who_waits():
    learning = LearningConfig(fresh_views=96, reuse=1, batch_size=8, frozen_batch_norm=True, checkpoint_every=1000)
    networks = {"small": ModelConfig(input_px=32, width=8, hidden=16)}
    figures = bench_gpu.measure(networks, learning, TrainingConfig(), warm_steps=2)
    drawn, learned = figures["drawn_per_s"], figures["small_learned_per_s"]
    assert figures["ratio"] == pytest.approx(drawn / learned, rel=1e-3)
    assert figures["small_waits"] == ("network" if learned > drawn else "renderers")
    assert 0 <= figures["small_wait_share"] <= 1
