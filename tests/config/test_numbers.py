"""Every number of every setting: what cannot work is refused by the setting's name, wherever it comes from."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import get_args, get_type_hints

import pytest

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras, CloseUp, Everyday, FullSphere, Grid, distribution_from_json, to_json
from share_dist.camera.chosen import Kernel
from share_dist.camera.draw import CropJitter, Lens
from share_dist.camera.space import Clearance
from share_dist.config import RunConfig, setting_of, setting_types, with_settings
from share_dist.errors import BadSetting
from share_dist.models import ModelConfig
from share_dist.scene import SceneDistribution, ViewPlan

NO_NUMBERS = (math.nan, math.inf, -math.inf)
SILLY = (1e308, -1e308, 10**14, -(10**14), -1, 0)

RIGHT = {
    # None of a thing, or no limit on it.
    0: {
        "seed", "scene.picture_share", "scene.occluder_share", "scene.pattern_share", "scene.second_light_share",
        "scene.judge_only_share", "render.noise", "losses.pose", "losses.betas", "losses.joints_3d",
        "losses.joints_2d", "losses.vertices", "losses.anchor", "losses.scale", "landscape.roll_degree",
        "rome.quantile", "rome.kappa", "rome.temperature", "rome.explore_share", "rome.merge_depth",
        "rome.kernel_deg", "rome.kernel_log_distance", "share.everyday_share", "share.everyday_tolerance",
        "learning.warmup_share", "learning.final_share", "learning.flat_share", "learning.weight_decay",
        "learning.gradient_clip", "learning.colour_jitter", "learning.mirror_share", "training.snapshot_every",
        "training.worker_failures", "training.zero_stage", "fleet.evaluator_gpus", "fleet.cache_mb",
        "model.architecture.dropout", "camera.elevation_low_deg", "camera.elevation_high_deg",
    },
    -1: {"camera.elevation_low_deg", "camera.elevation_high_deg"},
    1e308: {"rome.temperature"},
    math.inf: {"rome.temperature"},
    10**14: {"seed", "rome.temperature"},
}  # fmt: skip
"""Values that look strange and have a meaning. A low elevation of 0, and -1, only fits the default's other end."""


def takes_numbers(kind) -> type | None:
    """Whether a type takes a whole number or any, alone, in a tuple or beside None; literals say what they take."""
    parts = [kind, *get_args(kind)]
    return float if float in parts else int if int in parts else None


NUMBERS = {name: takes_numbers(kind) for name, kind in setting_types().items() if takes_numbers(kind)}


def given(name: str, value: float):
    """The value as this setting takes it."""
    if "tuple" in str(setting_types()[name]):
        return (0.5, value)
    return value


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_that_cannot_work_is_refused_by_its_settings_name(name):
    option = f"--{name.replace('_', '-')}"
    values = [*NO_NUMBERS, *SILLY] if NUMBERS[name] is float else [value for value in SILLY if isinstance(value, int)]
    for value in values:
        if name in RIGHT.get(value, ()):
            assert setting_of(with_settings(RunConfig(), {name: given(name, value)}), name) == given(name, value)
            continue
        with pytest.raises(BadSetting) as caught:
            with_settings(RunConfig(), {name: given(name, value)})
        said = str(caught.value).replace("_", "-")
        assert name.replace("_", "-") in said, said
        assert str(value).replace("_", "-") in said or f"{value:g}" in said, (option, said)


@pytest.mark.parametrize("name", [name for name, kind in NUMBERS.items() if kind is int])
def test_a_whole_number_is_asked_for_where_only_one_will_do(name):
    with pytest.raises(BadSetting, match="takes"):
        with_settings(RunConfig(), {name: 2.5})


def options_beside_a_run():
    """Every other dataclass of options with numbers, and how its option is spelt."""
    from share_dist.ops.node_agent import NodeAgentConfig
    from share_dist.ops.submit import SubmitConfig
    from share_dist.sweep import SweepConfig

    for kind in (SweepConfig, SubmitConfig, NodeAgentConfig):
        for field, hint in get_type_hints(kind).items():
            if takes_numbers(hint):
                yield kind, field


@pytest.mark.slow  # importing them imports Ray
def test_options_of_other_commands_are_asked_as_strictly():
    right = {("finalists", 0), ("repeats", 0), ("restarts", 0), ("retries", 0)}
    for kind, field in options_beside_a_run():
        for value in (*NO_NUMBERS, *SILLY):
            if (field, value) in right:
                kind(**{field: value})
                continue
            with pytest.raises(BadSetting, match=f"--{field.replace('_', '-')} is"):
                kind(**{field: value})


DISTRIBUTIONS = (Everyday(), AllCameras(), FullSphere(), CloseUp(), Grid())
PARTS = {"lens": Lens, "crop": CropJitter, "clearance": Clearance, "kernel": Kernel}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda distribution: distribution.NAME)
def test_a_plans_cameras_are_finite_and_where_a_camera_can_be(distribution):
    whole = to_json(distribution)
    for name, value in whole.items():
        if not isinstance(value, (float, list)):
            continue
        for bad in (math.nan, math.inf, 1e308, 9999.0, -9999.0):
            with pytest.raises(BadSetting):
                distribution_from_json(whole | {name: [bad] if isinstance(value, list) else bad})
        with pytest.raises(BadSetting):
            distribution_from_json(whole | {name: ["3"] if isinstance(value, list) else "3"})


def one_point(azimuth_rad, elevation_rad, distance_m):
    camera = [azimuth_rad, elevation_rad, distance_m, 0, 0, 0, 1, 1, 0, 0]
    return {"name": "points-v1", "cameras": [camera], "weights": [1.0]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "grid-v1", "azimuths_deg": [999.0]}, "grid.azimuths_deg is 999.0, but it must lie from -360 to 360"),
        ({"name": "grid-v1", "distances_m": [0.0]}, "grid.distance_m is 0.0"),
        ({"name": "everyday-v1", "elevation_high_deg": 200.0}, "everyday.elevation_deg is"),
        ({"name": "everyday-v1", "roll_sd_deg": 999.0}, "everyday.roll_sd_deg is 999.0"),
        (one_point(17.4, 0, 3), "points.azimuth_deg is"),
        (one_point(0, 0, 1e9), "points.distance_m is"),
        ({"name": "points-v1", "cameras": [["a"] * 10], "weights": [1.0]}, "'cameras' holds 'a'"),
        ({"name": "points-v1", "cameras": [[0] * 9, [0] * 10], "weights": [1.0]}, "has a number that is none"),
        ({"name": "mixture-v1", "parts": [{"name": "everyday-v1"}], "weights": [math.nan]}, "weights of a mixture"),
        ({"name": "mixture-v1", "parts": [{"name": "everyday-v1"}], "weights": ["3"]}, "'weights' holds '3'"),
        (one_point(True, 0, 3), "'cameras' holds True"),
        ({"name": "everyday-v1", "lens": ""}, "'lens' is '', but it must be numbers by their names"),
    ],
)  # fmt: skip
def test_a_number_of_a_plan_is_refused_by_its_name(change, words):
    with pytest.raises(BadSetting, match=words):
        distribution_from_json(change)


PLAN = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution(), "steer", 7).to_json()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PLAN | {"seed": math.nan}, "plan.seed is nan, but it must be a whole number"),
        (PLAN | {"seed": "7"}, "plan.seed is '7'"),
        (PLAN | {"seed": -1}, "seed is -1"),
        (PLAN | {"split": ["steer"]}, "There is no split"),
        (PLAN | {"people": 5}, "cannot be read"),
        (PLAN | {"people": {"height": 2.0}}, "people have no number 'height'"),
        (PLAN | {"cameras": []}, "There is no camera distribution ''"),
        (PLAN | {"scenes": PLAN["scenes"] | {"pictures": [1]}}, "have the picture 1"),
        (PLAN | {"scenes": PLAN["scenes"] | {"pictures": [["a.jpg", "7"]]}}, "64 hexadecimal digits"),
        (PLAN | {"scenes": PLAN["scenes"] | {"background_folder": math.nan}}, "background_folder is nan"),
        ({"format": "view-plan-v1"}, "KeyError"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": ', "cannot be read"),
        ("[1]", "cannot be read"),
        (json.dumps(PLAN).replace("1.2", "NaN"), "is nan|none may be"),
    ],
)
def test_a_plan_that_is_none_is_refused_whatever_is_wrong_with_it(content, words):
    with pytest.raises(BadSetting, match=words):
        ViewPlan.from_json(content)


@pytest.mark.parametrize("name", PARTS)
def test_the_parts_of_a_cameras_distribution_are_asked_for_each_number(name):
    for field in dataclasses.fields(PARTS[name]):
        for bad in (math.nan, math.inf, 1e308, -1.0, "3", True):
            with pytest.raises(BadSetting):
                PARTS[name](**{field.name: bad})


@pytest.mark.parametrize("kind", [PeopleDistribution, SceneDistribution], ids=["people", "scenes"])
def test_the_people_and_scenes_of_a_plan_are_asked_for_each_number(kind):
    whole = kind().to_json()
    for name, value in whole.items():
        if isinstance(value, float):
            for bad in (math.nan, math.inf, 1e308, -1.0, "3"):
                with pytest.raises(BadSetting) as caught:
                    kind.from_json(whole | {name: bad})
                assert name in str(caught.value).replace("-", "_")


def test_a_network_of_any_size_is_asked_for_before_it_is_built():
    for field in ("width", "input_px", "hidden", "iterations"):
        with pytest.raises(BadSetting, match=f"--model.architecture.{field.replace('_', '-')} is 1000"):
            ModelConfig(**{field: 10**14})
