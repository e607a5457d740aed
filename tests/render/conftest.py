"""Views to draw."""

from __future__ import annotations

import dataclasses
import math

import pytest

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras, Camera, Everyday
from share_dist.scene import SceneDistribution, ViewPlan


@pytest.fixture(scope="session")
def views(figure):
    """Eight views from everywhere, with occluders in many."""
    plan = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution(occluder_share=0.5), "steer", 3)
    return plan.views(range(8), figure)


@pytest.fixture(scope="session")
def everyday_view(figure):
    """An upright person in an everyday picture with nothing in front."""
    plan = ViewPlan(PeopleDistribution(), Everyday(), SceneDistribution(occluder_share=0.0), "steer", 3)
    return next(view for view in plan.views(range(50), figure) if view.person.family == "standing")


@pytest.fixture(scope="session")
def seen_from(everyday_view):
    """The same person from another azimuth and elevation, degrees, 3 m away."""

    def move(azimuth_deg: float, elevation_deg: float = 0.0, **changes: float):
        camera = Camera(math.radians(azimuth_deg), math.radians(elevation_deg), 3.0)
        return dataclasses.replace(everyday_view, camera=dataclasses.replace(camera, **changes))

    return move
