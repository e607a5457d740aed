"""Colour and mirror: keyed, cheap, and true to the labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from blobs import blob_records

from share_dist.body import SMPL24
from share_dist.learning.augment import jitter_colours, mirror_images, mirror_truth, mirrored
from share_dist.losses import LossConfig, project_to_crop, total_loss, truth_from_records
from share_dist.models import Estimate, normalise_images, sample_keys

KEYS = sample_keys(0, 5, torch.arange(64))
EVERY = torch.ones(8, dtype=torch.bool)


@pytest.fixture(scope="module")
def records(figure):
    return blob_records(figure, range(8), size_px=32)


def test_colours_change_a_little_and_differently_for_each_picture():
    grey = normalise_images(np.full((64, 4, 4, 3), 128, np.uint8))
    changed = jitter_colours(grey, KEYS, 0.1)
    assert torch.equal(jitter_colours(grey, KEYS, 0.0), grey)
    assert len(set(changed[:, 0, 0, 0].tolist())) == 64
    grey_levels = (changed - grey)[:, :, 0, 0] * 57
    assert 5 < float(grey_levels.std()) < 25
    assert torch.equal(jitter_colours(grey[:3], KEYS[:3], 0.1), changed[:3])


def test_about_the_share_asked_for_is_mirrored_whatever_the_batch():
    keys = sample_keys(1, 2, torch.arange(4000))
    chosen = mirrored(keys, 0.25)
    assert float(chosen.float().mean()) == pytest.approx(0.25, abs=0.03)
    assert torch.equal(mirrored(keys[100:200], 0.25), chosen[100:200])
    assert not mirrored(keys, 0.0).any()


@pytest.mark.slow
def test_a_mirrored_mirror_is_the_truth_again(records):
    truth = truth_from_records(records)
    twice = mirror_truth(mirror_truth(truth, EVERY), EVERY)
    for before, after in zip(truth, twice, strict=True):
        torch.testing.assert_close(torch.as_tensor(after), torch.as_tensor(before), atol=1e-4, rtol=0)


@pytest.mark.slow
def test_mirrored_joints_project_to_their_mirrored_pixels(records):
    truth = mirror_truth(truth_from_records(records), EVERY)
    torch.testing.assert_close(project_to_crop(truth.joints_cam_m, truth), truth.joints_px, atol=1e-3, rtol=0)


def test_the_mirrored_pose_puts_the_body_where_the_mirrored_joints_are(records, layer):
    truth = mirror_truth(truth_from_records(records), EVERY)
    posed = layer.joints(truth.pose, truth.betas)
    gap_m = (posed - posed[:, :1]) - (truth.joints_cam_m - truth.joints_cam_m[:, :1])
    # A body's two halves differ by some millimetres, on the built-in figure and on SMPL alike.
    assert float(gap_m.norm(dim=-1).max()) < 0.01


def test_the_mirrored_picture_shows_the_mirrored_joint(records):
    """The picture of a dot at x has its brightest column at side − x in the mirror."""
    truth = truth_from_records(records)
    image = torch.zeros(8, 3, 32, 32)
    columns, rows = truth.joints_px[:, 20].long().unbind(-1)
    image[torch.arange(8), 0, rows.clamp(0, 31), columns.clamp(0, 31)] = 1
    shown = mirror_images(image, EVERY)[:, 0].amax(1).argmax(1)
    other_hand = mirror_truth(truth, EVERY).joints_px[:, SMPL24.mirror[20], 0]
    assert torch.equal(shown, other_hand.floor().long().clamp(0, 31))


def test_only_the_chosen_are_mirrored(records):
    chosen = torch.tensor([True, False] * 4)
    truth = truth_from_records(records)
    mixed = mirror_truth(truth, chosen)
    assert torch.equal(mixed.pose[~chosen], truth.pose[~chosen])
    assert not torch.equal(mixed.pose[chosen], truth.pose[chosen])
    image = torch.rand(8, 3, 4, 4)
    assert torch.equal(mirror_images(image, chosen)[1], image[1])
    assert torch.equal(mirror_images(image, chosen)[0], image[0].flip(-1))


def test_a_mirrored_perfect_estimate_still_costs_nothing(records, layer):
    truth = mirror_truth(truth_from_records(records), EVERY)
    estimate = Estimate(truth.pose, truth.betas, torch.tensor([[0.9, 0.0, 0.0]]).expand(8, 3))
    terms = total_loss(estimate, truth, layer, LossConfig())[1]
    assert float(terms["pose"]) == 0
    assert float(terms["joints_3d"]) < 0.003
