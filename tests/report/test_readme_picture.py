from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from invented import summary
from PIL import Image

from share_dist.report import AFTER_RGB, BEFORE_RGB, Story, readme_picture


def opened(story) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(readme_picture(story))).convert("RGB"))


def test_the_picture_shows_both_spheres_on_one_scale_and_four_views(story):
    picture = opened(story)
    assert picture.shape[1] == 1600
    height = len(picture)
    before, after = picture[:height, 44:444].astype(int), picture[:height, 472:872].astype(int)
    # The base model is brighter, that is worse, on the same scale.
    assert before[220:560].mean() > after[220:560].mean() + 10
    for colour in (BEFORE_RGB, AFTER_RGB):
        assert (picture == np.array(colour)).all(-1).sum() > 4 * 132 * 4


@pytest.mark.slow
def test_the_same_story_gives_the_same_picture(story):
    assert readme_picture(story) == readme_picture(story)


@pytest.mark.parametrize("missing", ["gallery", "spheres", "both"])
def test_missing_parts_are_left_out(story, missing):
    without = {}
    if missing != "spheres":
        without["gallery"] = ()
    if missing != "gallery":
        without |= {"before": None, "after": None, "directions": None, "reachable": None, "rounds": ()}
    assert opened(dataclasses.replace(story, **without)).shape[1] == 1600


def test_a_failed_run_makes_a_picture_that_says_so():
    assert opened(Story(summary=summary(accepted=False))).shape == (160, 1600, 3)
