"""The base model in the package: small enough, trained until its curve was flat, and what its card says it is."""

from __future__ import annotations

import json

import pytest

from share_dist.models import BASE_CHECKPOINT, load_checkpoint, model_hash


@pytest.fixture(scope="module")
def card():
    return json.loads(BASE_CHECKPOINT.with_name("compact_hmr.card.json").read_text())


def test_the_weights_take_at_most_twelve_megabytes():
    assert BASE_CHECKPOINT.stat().st_size <= 12_000_000


def test_the_card_is_that_of_the_weights(card, figure):
    model, _ = load_checkpoint(BASE_CHECKPOINT, figure.hash)
    assert card["model_hash"] == model_hash(model)


def test_it_learned_from_everyday_cameras_only(figure):
    _, inner = load_checkpoint(BASE_CHECKPOINT, figure.hash)
    assert inner["plan"]["cameras"]["name"] == "everyday-v1"
    assert inner["plan"]["split"] == "train"


def test_its_everyday_curve_was_flat_over_the_last_fifth_of_the_training():
    curve = json.loads(BASE_CHECKPOINT.with_name("compact_hmr.curve.json").read_text())
    last = [point["mpjpe_mm"] for point in curve if point["step"] >= 0.8 * curve[-1]["step"]]
    assert len(last) >= 4
    assert max(last) / min(last) < 1.02


def test_its_everyday_error_on_judge_people_is_at_most_six_tenths_of_the_mean_poses(card):
    assert card["everyday"]["pa_mpjpe_mm"] <= 0.6 * card["mean_pose_pa_mpjpe_mm"]


def test_its_everyday_error_on_judge_people_is_at_most_75_mm(card):
    assert card["everyday"]["views"] == 4096
    assert card["everyday"]["pa_mpjpe_mm"] <= 75
