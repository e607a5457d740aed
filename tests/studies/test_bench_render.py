from __future__ import annotations

import pytest

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras
from share_dist.render import check
from share_dist.scene import SceneDistribution, ViewPlan
from share_dist.studies.bench_render import compare_engines


@pytest.mark.slow
def test_our_renderer_is_several_times_faster_than_pyrender(figure):
    """A small round of the bench; its own run asks for ten times, on more views and more repeats."""
    finding = check()[0]
    if not finding.ok:
        pytest.skip(f"no EGL here: {finding.detail}. {finding.remedy}")
    plan = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution(), "steer", 0)
    figures = compare_engines(figure, plan.views(range(6), figure), size_px=224, repeats=2)
    assert figures["ratio"] > 4
    assert figures["raster_drawing_only_per_cpu_s"] > figures["raster_pictures_per_cpu_s"]
    assert figures["posing_only_people_per_cpu_s"] > figures["raster_pictures_per_cpu_s"]
