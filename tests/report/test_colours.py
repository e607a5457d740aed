from __future__ import annotations

import numpy as np
import pytest

from share_dist.report.colours import change_table, error_table, lightness, paint

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
DEFICIENT = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def seen_by(table, kind):
    linear = (table / 255.0) ** 2.2 @ np.array(DEFICIENT[kind]).T
    return np.rint(255 * np.clip(linear, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def test_errors_brighten_in_even_steps():
    steps = np.diff(lightness(error_table()))
    assert (steps > 0).mean() > 0.95  # 8-bit colours: a step may vanish, none may be large or backward
    assert steps.min() > -0.3
    assert steps.max() < 1.2
    assert lightness(error_table())[-1] - lightness(error_table())[0] > 80


@pytest.mark.parametrize("kind", DEFICIENT)
def test_errors_keep_their_order_for_the_colour_blind(kind):
    light = lightness(seen_by(error_table(), kind))
    assert (np.diff(light[::8]) > 0).all()


@pytest.mark.parametrize("kind", DEFICIENT)
def test_gain_and_loss_look_different_to_everyone(kind):
    seen = seen_by(change_table(), kind).astype(float)
    for step in (30, 60, 90):
        assert np.abs(seen[127 - step] - seen[128 + step]).max() > 40


def test_no_change_is_in_the_middle():
    table = change_table()
    np.testing.assert_array_equal(table[127], table[128])
    assert np.ptp(table[127].astype(int)) < 8  # grey
    assert lightness(table).max() == lightness(table)[127]


def test_paint_clips_to_the_ends():
    table = error_table()
    painted = paint(np.array([-5.0, 0.0, 100.0, 900.0, np.nan]), 0.0, 100.0, table)
    np.testing.assert_array_equal(painted, table[[0, 0, 255, 255, 0]])
