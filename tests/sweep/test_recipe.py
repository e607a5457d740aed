"""The best settings of a sweep are a recipe: run by name, spelt out, and tried first by the next sweep."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
from invented_trials import SPACE, finish
from spoiled import require_all_guarded

from share_dist import errors
from share_dist.body import BodyConfig
from share_dist.cli.options import RunOptions, read_options, read_share_options
from share_dist.config import setting_of, with_settings
from share_dist.loop.progress import StageProgress
from share_dist.models import BASE_CHECKPOINT
from share_dist.recipes import find_recipe
from share_dist.storage import FolderStore, command_of, inside, open_run, open_store, rewrite
from share_dist.sweep import SweepPlan, best_recipe, rewrite_sweep_report
from share_dist.sweep.config import SweepConfig
from share_dist.sweep.recipe import as_options
from share_dist.sweep.story import address_from_here, publish
from share_dist.sweep.study import BASE_COST
from share_dist.sweep.trial import Point, _require_folder_of
from share_dist.sweep.warm_start import settings_to_try


@pytest.fixture
def sweep(search, tmp_path):
    """A finished sweep whose best trial is number 2, of a model of one's own, with a seed of its own."""
    given = with_settings(find_recipe("demo"), {"model.checkpoint": "mine.safetensors", "seed": 2000})
    given = replace(given, body=BodyConfig(folder=tmp_path / "smpl"))
    plan = SweepPlan(SPACE, "demo", given, SweepConfig())
    store = FolderStore(tmp_path)
    store.write_once("config.json", json.dumps(plan.identity()).encode())
    found = search()
    for index, worst in enumerate((20.0, 10.0, 30.0, 25.0)):
        finish(found, str(index), worst)
    found.study.set_user_attr(BASE_COST, {"views": 1024, "seconds": 4.0})
    publish(store, replace(plan, sweep=found.config), found.study)
    return store


def test_a_sweeps_summary_and_page_are_guarded_and_its_settings_are_not_taken_from_a_changed_one(search, tmp_path):
    """With a journal and the files of a trial beside them, as processes of their own have left them."""
    store = FolderStore(tmp_path)
    plan = SweepPlan(SPACE, "demo", find_recipe("demo"), SweepConfig())
    open_run(tmp_path, json.dumps(plan.identity()))
    found = search()
    finish(found, "0", 20.0)
    _require_folder_of(Point(0, {"rome.quantile": 0.5}), inside(store, "trials/0000"))
    StageProgress(inside(store, "trials/0000"), {})._keep()
    store.overwrite("shared/base/model.safetensors", BASE_CHECKPOINT.read_bytes())
    publish(store, replace(plan, sweep=found.config), found.study)
    assert {"study.journal", "trials/0000/point.json", "summary.json"} <= {*store.list()}
    require_all_guarded(store)

    store.overwrite("summary.json", store.read("summary.json").replace(b"20.0", b"30.0"))
    for act in (best_recipe, rewrite_sweep_report, lambda uri: settings_to_try(uri, SPACE)):
        with pytest.raises(errors.DamagedFile, match=r"summary\.json has changed"):
            act(store.uri())


def best_settings(sweep):
    return json.loads(sweep.read("summary.json"))["best"]["settings"]


def test_the_best_settings_come_with_what_the_sweep_was_given_but_not_with_its_seed(sweep, tmp_path):
    name, config = best_recipe(sweep.uri())
    assert name == "demo"
    assert config.model.checkpoint == "mine.safetensors"
    assert config.body.folder == tmp_path / "smpl"
    assert config.seed == 0
    for setting, value in best_settings(sweep).items():
        assert setting_of(config, setting) == value


def test_they_fit_into_another_recipe_and_options_change_them_further(sweep):
    name, config = best_recipe(sweep.uri(), "full")
    full = find_recipe("full")
    views = full.share.rounds * full.learning.fresh_views
    assert name == "full"
    assert abs(config.share.rounds * config.learning.fresh_views - views) < config.share.rounds
    options = read_share_options(["full", "--from-sweep", sweep.uri(), "--seed", "4"], None)
    assert options.config == replace(config, seed=4)
    assert options.out == f"runs/full-{sweep.uri().rpartition('/')[2]}"


def test_the_recipe_that_was_swept_is_taken_where_none_is_named(sweep):
    assert read_share_options(["--from-sweep", sweep.uri()], None).config == best_recipe(sweep.uri())[1]


def test_the_line_to_paste_gives_the_same_settings(sweep):
    line = json.loads(sweep.read("summary.json"))["commands"]["the same, spelt out"]
    words = shlex.split(line)
    assert words[:3] == ["share-dist", "share", "demo"]
    assert read_options(RunOptions, "share", words[2:]).config == best_recipe(sweep.uri())[1]


def test_a_sweep_is_named_as_one_would_type_it(monkeypatch, tmp_path):
    store = FolderStore(tmp_path / "runs/sweep-rome")
    assert address_from_here(store) == str(tmp_path / "runs/sweep-rome")
    monkeypatch.chdir(tmp_path)
    assert address_from_here(store) == "runs/sweep-rome"


def test_settings_of_every_kind_are_spelt_so_that_they_are_read_back():
    demo = find_recipe("demo")
    changed = with_settings(
        demo,
        {
            "learning.frozen_batch_norm": False,
            "landscape.uneven_noise": False,
            "landscape.smoothness": (0.5, 1.5),
            "rome.method": "greedy",
            "share.rounds": 3,
            "rome.temperature": 0.3,
        },
    )
    words = ["demo", *shlex.split(as_options(changed, demo))]
    assert read_options(RunOptions, "share", words).config == changed


def test_the_next_sweep_tries_the_best_settings_first(sweep):
    points = settings_to_try(sweep.uri(), SPACE)
    assert points[0] == best_settings(sweep)
    assert len(points) == 4
    assert settings_to_try(None, SPACE) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -1.0, "0.5", None, [0.5]])
def test_a_warm_start_takes_no_setting_that_its_own_space_does_not_hold(sweep, value):
    summary = json.loads(sweep.read("summary.json"))
    summary.pop("sha256", None)
    name = next(name for name in summary["ranking"][1]["settings"] if name != "rome.method")
    summary["ranking"][1]["settings"][name] = value
    rewrite(sweep, {"summary.json": json.dumps(summary).encode()})
    with pytest.raises(errors.DamagedFile, match=f"found {name} to be best at .*, which its own space does not hold"):
        settings_to_try(sweep.uri(), SPACE)


def test_a_warm_start_from_another_space_is_refused_with_what_differs(sweep):
    other = {**SPACE, "rome.quantile": replace(SPACE["rome.quantile"], low=0.2)}
    with pytest.raises(errors.OtherRun, match=r"searched another space(.|\n)*rome.quantile.low: 0.3 -> 0.2"):
        settings_to_try(sweep.uri(), other)


def test_what_is_no_sweep_is_refused_by_name(sweep, tmp_path):
    with pytest.raises(errors.BadSetting, match=r"holds no sweep: config.json is missing(.|\n)*under runs/"):
        best_recipe("nowhere")
    with pytest.raises(errors.BadSetting, match="holds no sweep that found anything"):
        settings_to_try(str(tmp_path / "nowhere"), SPACE)
    share = FolderStore(tmp_path / "share")
    share.write_once("config.json", json.dumps({"command": "share"}).encode())
    with pytest.raises(errors.BadSetting, match="a run of `share-dist share`, and no sweep"):
        best_recipe(share.uri())
    begun = FolderStore(tmp_path / "begun")
    begun.write_once("config.json", sweep.read("config.json"))
    with pytest.raises(errors.BadSetting, match="has not ended yet"):
        best_recipe(begun.uri())
    with pytest.raises(errors.BadSetting, match="Run its command again"):
        rewrite_sweep_report(begun.uri())


def test_the_page_can_be_written_again_from_the_summary(sweep):
    page = open_store(sweep.uri()).read("report/index.html")
    assert command_of(sweep) == "sweep"
    assert command_of(open_store(sweep.uri() + "/nowhere")) is None
    open_store(sweep.uri()).delete("report")
    assert open_store(rewrite_sweep_report(sweep.uri()).removesuffix("/index.html")).read("index.html") == page


def test_the_page_says_what_sharing_saved(sweep):
    saved = json.loads(sweep.read("summary.json"))["saved"]
    # Four trials, of which three found the base survey; each surveyed 1,024 views in 2 s where the base took 4 s.
    assert saved == {"base_survey_seconds": 12.0, "pictures_seconds": 8.0, "pictures_views": 4096}
    assert b"saved by sharing" in sweep.read("report/index.html")
