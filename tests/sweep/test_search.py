"""Which settings are tried, and that a study loses nothing when its driver dies."""

from __future__ import annotations

import pytest
from invented_trials import SPACE, figures, finish
from optuna.trial import TrialState

from share_dist import errors
from share_dist.config import with_settings
from share_dist.recipes import Range, find_recipe
from share_dist.storage import FolderStore
from share_dist.sweep.config import SweepConfig
from share_dist.sweep.outcome import outcome_of
from share_dist.sweep.search import StudySearch, default_point
from share_dist.sweep.study import begin_study, open_journal
from share_dist.sweep.trial import Point, TrialTask, trial_rounds, with_point


def states(search):
    return [trial.state for trial in search.study.trials]


def test_the_recipes_own_settings_are_the_first_trial(search):
    point, demo = search().suggest("a")["point"], find_recipe("demo")
    own = {"rome.method": "rome", "rome.quantile": demo.rome.quantile, "share.rounds": demo.share.rounds}
    assert point == {"number": 0, "settings": own}
    assert with_point(demo, point["settings"]) == demo


def test_a_setting_is_asked_for_only_where_it_matters(search):
    found = search()
    asked = [finish(found, str(index), worst=index)["settings"] for index in range(20)]
    assert {settings["rome.method"] for settings in asked} == {"rome", "greedy"}
    for settings in asked:
        other = "rome.quantile" if settings["rome.method"] == "rome" else "rome.greedy_share"
        assert settings.keys() == {"rome.method", other, "share.rounds"}


def test_settings_have_three_digits_so_that_a_recipe_can_be_read(search):
    found = search()
    for index in range(10):
        for value in finish(found, str(index), worst=index)["settings"].values():
            assert not isinstance(value, float) or float(f"{value:.3g}") == value


def first_and_others(space, config, storage):
    """What the first trial of a space is given, and twenty more."""
    begin_study(storage, "other", {}, ["worst_tenth_gain_percent"])
    found = StudySearch(space, SweepConfig(objectives=("worst-tenth",)), storage, "other", seed=2**40)
    found.first_try([default_point(config, space)])
    return [finish(found, str(index), worst=index)["settings"] for index in range(21)]


def test_limits_without_a_point_do_not_make_whole_numbers_of_a_setting_that_has_others(tmp_path):
    space = {"rome.kappa": Range(low=0, high=1)}
    own = with_settings(find_recipe("demo"), {"rome.kappa": 0.5})
    first, *others = first_and_others(space, own, open_journal(FolderStore(tmp_path)))
    assert first == {"rome.kappa": 0.5}
    assert len({settings["rome.kappa"] for settings in others}) > 10


def test_the_recipes_own_value_is_tried_as_it_is_and_rounding_leaves_no_range(tmp_path):
    own = with_settings(find_recipe("demo"), {"losses.anchor": 1.23456})
    space = {"losses.anchor": Range(low=1.2344, high=1.2351)}
    first, *others = first_and_others(space, own, open_journal(FolderStore(tmp_path)))
    assert first == {"losses.anchor": 1.23456}
    assert all(1.2344 <= settings["losses.anchor"] <= 1.2351 for settings in others)


@pytest.mark.slow
def test_a_sweep_that_is_stopped_after_every_trial_tries_the_same_settings(search, tmp_path):
    first = search()
    whole = [finish(first, str(index), worst=index)["settings"] for index in range(14)]
    (tmp_path / "study.journal").unlink()
    pieces = [finish(search(), str(index), worst=index)["settings"] for index in range(14)]
    assert pieces == whole


def test_a_trial_that_was_running_when_its_driver_died_goes_on_first(search):
    dead = search()
    finish(dead, "a")
    point = dead.suggest("b")
    dead.note("b", figures(1, 50))
    alive = search()
    assert alive.suggest("c") == point
    assert alive.suggest("d")["point"]["number"] == 2
    alive.note("c", figures(1, 50))
    alive.note("c", figures(2, 100))
    alive.on_trial_complete("c", figures(2, 100))
    assert states(alive)[:2] == [TrialState.COMPLETE, TrialState.COMPLETE]
    assert [row["round"] for row in outcome_of(alive.study, alive.config).trials[1].rounds] == [1, 2]


@pytest.mark.parametrize(
    ("result", "error", "reason"),
    [
        ({"failed": "TrainingDiverged: too fast"}, False, "TrainingDiverged: too fast"),
        (figures(1, 100, worst=float("nan")), False, "worst_tenth_gain_percent: not a number"),
        (figures(1, 100, everyday=float("inf")), False, "everyday_gain_percent: not a number"),
        (None, True, "its process died 3 times"),
    ],
)
def test_a_trial_that_fails_is_kept_with_its_reason_and_the_sweep_goes_on(search, result, error, reason):
    found = search()
    finish(found, "a")
    found.suggest("b")
    if result:
        found.note("b", result)
    found.on_trial_complete("b", result, error)
    finish(found, "c")
    assert states(found) == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert outcome_of(found.study, found.config).trials[1].reason == reason


def test_a_trial_that_the_cluster_stopped_stays_to_be_gone_on_with(search):
    found = search()
    finish(found, "a")
    point = found.suggest("b")
    found.on_trial_complete("b", {"halted": "StorageFull", "why": "the disk is full"})
    assert states(found)[1] == TrialState.RUNNING
    assert search().suggest("c") == point


@pytest.mark.parametrize("objectives", [("worst-tenth",), ("worst-tenth", "everyday")])
def test_a_trial_that_ran_beside_one_that_stopped_the_sweep_stays_too(search, objectives):
    found = search(objectives=objectives)
    finish(found, "a")
    for name in ("b", "c"):
        found.suggest(name)
    assert not found.note("b", figures(1, 50, worst=90.0))
    # Tune ends both: one has reported a round, the other nothing.
    found.on_trial_complete("b", figures(1, 50, worst=90.0))
    found.on_trial_complete("c", {})
    assert states(found)[1:] == [TrialState.RUNNING, TrialState.RUNNING]


def test_a_weak_trial_is_ended_early_where_one_figure_counts(search):
    found = search(objectives=("worst-tenth",))
    for index, worst in enumerate((20.0, 25.0, 30.0)):
        found.suggest(str(index))
        assert not found.note(str(index), figures(1, 50, worst))
        found.note(str(index), figures(2, 100, worst))
        found.on_trial_complete(str(index), figures(2, 100, worst))
    # By another driver, who knows it from the study alone.
    again = search(objectives=("worst-tenth",))
    again.suggest("weak")
    assert again.note("weak", figures(1, 50, 5.0))
    again.on_trial_complete("weak", figures(1, 50, 5.0))
    row = outcome_of(again.study, again.config).trials[3]
    assert (row.fate, row.gains["worst_tenth_gain_percent"]) == ("ended early", 5.0)
    again.suggest("strong")
    assert not again.note("strong", figures(1, 50, 40.0))


@pytest.mark.parametrize(
    ("objectives", "options"), [(("worst-tenth", "everyday"), {}), (("everyday",), {"prune": False})]
)
def test_no_trial_is_ended_early_where_several_figures_count_or_nobody_wants_it(search, objectives, options):
    found = search(objectives=objectives, **options)
    for index, worst in enumerate((20.0, 25.0, 5.0)):
        found.suggest(str(index))
        assert not found.note(str(index), figures(1, 50, worst, everyday=worst))
        found.on_trial_complete(str(index), figures(2, 100, worst, everyday=worst))


def test_raising_the_number_of_trials_asks_for_more_and_the_default_is_not_tried_again(search):
    finish(search(), "a")
    found = search()
    assert found.suggest("b")["point"]["number"] == 1
    assert len(found.study.trials) == 2


def test_more_rounds_share_the_same_views():
    demo = find_recipe("demo")
    views = demo.share.rounds * demo.learning.fresh_views
    for rounds in (1, 2, 3):
        changed = with_point(demo, {"share.rounds": rounds})
        assert changed.share.rounds == rounds
        assert abs(changed.share.rounds * changed.learning.fresh_views - views) < rounds
    assert with_point(demo, {"share.rounds": 3, "learning.fresh_views": 500}).learning.fresh_views == 500


def test_the_default_point_is_the_recipe():
    demo = find_recipe("demo")
    assert with_point(demo, default_point(demo, SPACE)) == demo


def test_a_sweep_of_no_trials_is_refused():
    with pytest.raises(ValueError, match="trials is 0"):
        SweepConfig(trials=0)
    with pytest.raises(ValueError, match="length is 1.5"):
        SweepConfig(length=1.5)
    with pytest.raises(ValueError, match="different ones"):
        SweepConfig(objectives=("everyday", "everyday"))


def test_the_folder_of_another_studys_trial_is_refused_before_its_stages_are_taken_for_this_ones(tmp_path):
    store = FolderStore(tmp_path)
    store.write_once("config.json", b"{}")
    store.write_once("trials/0001/point.json", b'{"settings": {"rome.quantile": 0.5}, "seed": null}')
    task = TrialTask(find_recipe("demo"), b"", store)
    with pytest.raises(errors.OtherRun, match=r"settings.rome.quantile: 0.5 -> 0.6(.|\n)*--name and --storage"):
        next(trial_rounds(Point(1, {"rome.quantile": 0.6}), task))
