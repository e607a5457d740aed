"""A round is kept only if it helped where the model was weak and cost little where it was good."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from share_dist import errors
from share_dist.camera import AllCameras, Mixture
from share_dist.config import ShareConfig, config_json
from share_dist.loop.figures import headline
from share_dist.loop.judging import judge_counts
from share_dist.loop.plans import judge_plans, round_plan, steer_plans, view_plan
from share_dist.loop.progress import StageProgress, minutes
from share_dist.loop.rounds import BASE_MODEL, judge_attempt, keep_base
from share_dist.models import BASE_CHECKPOINT, ModelConfig, checkpoint_bytes, make_model
from share_dist.recipes import RECIPES, find_recipe
from share_dist.storage import open_store, sealed

CONFIG = replace(find_recipe("demo"), share=ShareConfig(everyday_tolerance=0.025))


def surveys(all_cameras_mm: float, everyday_mm: float) -> dict:
    """Two surveys as far as the decision reads them."""
    means = {"all_cameras": all_cameras_mm, "everyday": everyday_mm}
    return {name: {"mpjpe_mm": np.full(10, mean)} for name, mean in means.items()}


BASE = surveys(200.0, 100.0)


def test_a_round_that_helps_and_costs_little_is_accepted():
    accepted, why = judge_attempt(CONFIG, BASE, BASE, surveys(150.0, 101.9))
    assert accepted
    assert "200.0 → 150.0" in why


def test_a_round_that_forgets_more_than_the_tolerance_is_refused():
    accepted, why = judge_attempt(CONFIG, BASE, BASE, surveys(150.0, 102.6))
    assert not accepted
    assert "everyday-tolerance" in why


def test_a_round_that_does_not_help_is_refused():
    accepted, why = judge_attempt(CONFIG, BASE, surveys(150.0, 100.0), surveys(150.0, 99.0))
    assert not accepted
    assert "did not improve" in why


def test_forgetting_is_counted_from_the_base_so_that_rounds_cannot_add_it_up():
    second = judge_attempt(CONFIG, BASE, surveys(150.0, 101.5), surveys(140.0, 103.0))
    assert not second[0]


def test_a_round_that_costs_the_network_its_answers_is_refused():
    after = surveys(150.0, 99.0)
    after["all_cameras"]["mpjpe_mm"][3] = np.nan
    accepted, why = judge_attempt(CONFIG, BASE, BASE, after)
    assert not accepted
    assert why == "the network has no finite answer any more to 1 all_cameras views"


def test_views_that_never_had_an_answer_decide_nothing():
    base, after = surveys(200.0, 100.0), surveys(150.0, 101.9)
    for survey in (base, after):
        survey["all_cameras"]["mpjpe_mm"][3] = np.nan
    accepted, why = judge_attempt(CONFIG, base, base, after)
    assert accepted
    assert "200.0 → 150.0" in why
    base["all_cameras"]["mpjpe_mm"][:] = np.nan
    assert not judge_attempt(CONFIG, base, base, surveys(150.0, 99.0))[0]


def test_a_gain_of_which_one_side_has_no_value_has_none():
    wide = {"mpjpe_mm": None, "worst_tenth_fixed_mpjpe_mm": 200.0, "worst_tenth_own_mpjpe_mm": None}
    before = {"all_cameras": wide, "everyday": {"mpjpe_mm": 100.0}}
    after = {"all_cameras": dict.fromkeys(wide, 100.0), "everyday": {"mpjpe_mm": 90.0}}
    found = headline(before, after)
    assert found["everyday_gain_percent"] == pytest.approx(10.0)
    assert found["worst_tenth_fixed_gain_percent"] == pytest.approx(50.0)
    for name in ("all_cameras", "worst_tenth", "worst_tenth_own"):
        assert found[f"{name}_gain_percent"] is None


def test_the_headline_is_the_smaller_of_the_two_worst_tenths():
    def figures(wide, fixed, own, everyday):
        wide_figures = {"mpjpe_mm": wide, "worst_tenth_fixed_mpjpe_mm": fixed, "worst_tenth_own_mpjpe_mm": own}
        return {"all_cameras": wide_figures, "everyday": {"mpjpe_mm": everyday}}

    gains = headline(figures(200, 400, 400, 100), figures(150, 280, 300, 102))
    assert gains["worst_tenth_gain_percent"] == pytest.approx(25)
    assert gains["all_cameras_gain_percent"] == pytest.approx(25)
    assert gains["everyday_gain_percent"] == pytest.approx(-2)


def test_judge_steer_and_train_never_share_a_random_stream():
    rounds = [round_plan(CONFIG, AllCameras(), index) for index in range(3)]
    plans = [*judge_plans(CONFIG).values(), *steer_plans(CONFIG).values(), *rounds]
    by_split = {split: {plan.seed for plan in plans if plan.split == split} for split in ("train", "steer", "judge")}
    assert [len(seeds) for seeds in by_split.values()] == [3, 1, 1]
    assert len(set.union(*by_split.values())) == 5


def test_the_same_people_stand_before_all_four_judge_distributions(figure):
    seen = [plan.views(range(4), figure) for plan in judge_plans(CONFIG).values()]
    for views in seen[1:]:
        for view, first in zip(views, seen[0], strict=True):
            np.testing.assert_array_equal(view.person.pose_rotvec, first.person.pose_rotvec)


def test_everyday_replay_is_part_of_the_rounds_cameras():
    cameras = round_plan(CONFIG, AllCameras(), 0).cameras
    assert isinstance(cameras, Mixture)
    assert cameras.weights[1] == pytest.approx(CONFIG.share.everyday_share)


def test_another_seed_draws_other_views(figure):
    plans = [view_plan(replace(CONFIG, seed=seed), AllCameras(), "judge", "judge") for seed in (0, 1)]
    first, second = (plan.view(0, figure) for plan in plans)
    assert not np.array_equal(first.person.pose_rotvec, second.person.pose_rotvec)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_writes_its_settings_without_the_size_of_the_fleet(name):
    settings = json.loads(config_json(find_recipe(name), "share"))
    assert settings["command"] == "share"
    assert "fleet" not in settings
    assert settings["rome"]["explore_share"] == find_recipe(name).rome.explore_share


def test_the_extras_get_a_quarter_of_the_judge_views():
    assert judge_counts(1000) == {"all_cameras": 1000, "everyday": 1000, "full_sphere": 250, "close_up": 250}


def test_the_time_left_follows_the_pace_so_far(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("share_dist.loop.progress.time.monotonic", lambda: now[0])
    progress = StageProgress(open_store(tmp_path), {"first": 10.0, "second": 30.0})
    assert progress.left_s() == 40
    with progress.stage("first"):
        now[0] += 20
    assert progress.left_s() == 60


def test_a_resumed_run_adds_up_its_time_and_takes_no_pace_from_what_was_finished(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("share_dist.loop.progress.time.monotonic", lambda: now[0])
    monkeypatch.setattr("share_dist.loop.progress.NOTE_EVERY_S", 0.01)
    store, expected = open_store(tmp_path), {"first": 10.0, "second": 30.0}

    def killed_in_the_second():
        progress = StageProgress(store, expected)
        with progress.stage("first"):
            now[0] += 20
        with progress.stage("second"):
            now[0] += 45
            while json.loads(store.read("seconds.json"))["spent"].get("second") != 45:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed_in_the_second()
    again = StageProgress(store, expected)
    assert again.left_s() == 30
    with again.stage("first"):
        now[0] += 1
    assert again.left_s() == 30
    with again.stage("second"):
        now[0] += 15
    assert again.seconds == {"first": 20.0, "second": 60.0}


@pytest.mark.parametrize("other", [{"gain": 1}, {"spent": [], "finished": []}])
def test_seconds_that_are_another_file_are_named(tmp_path, other):
    (tmp_path / "seconds.json").write_bytes(sealed(other))
    with pytest.raises(errors.DamagedFile, match="seconds.json does not say how long"):
        StageProgress(open_store(tmp_path), {"first": 10.0})


def test_minutes_read_as_people_say_them():
    assert [minutes(s) for s in (3, 42, 60, 384)] == ["5 s", "40 s", "1 min 0 s", "6 min 25 s"]


def test_a_damaged_base_model_is_called_damaged_and_another_one_another(tmp_path):
    """A bit of the weights, one of the card, a file cut short; and a whole checkpoint of another network."""
    store, base = open_store(tmp_path), BASE_CHECKPOINT.read_bytes()
    keep_base(store, base)
    keep_base(store, base)
    card_at = base.index(b"everyday")
    for place in (len(base) - 5, card_at):
        spoiled = bytearray(base)
        spoiled[place] ^= 1
        store.overwrite(BASE_MODEL, bytes(spoiled))
        with pytest.raises(errors.DamagedFile, match=r"base/model\.safetensors has changed(.|\n)*Delete it and run"):
            keep_base(store, base)
    store.overwrite(BASE_MODEL, base[:1000])
    with pytest.raises(errors.DamagedFile, match=r"base/model\.safetensors"):
        keep_base(store, base)
    other = make_model(ModelConfig(width=8, hidden=16, input_px=48))
    store.overwrite(BASE_MODEL, checkpoint_bytes(other, {"body_hash": "0" * 64}))
    with pytest.raises(errors.OtherRun, match="began with another base model"):
        keep_base(store, base)
