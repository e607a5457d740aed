"""Which trial is recommended, by which rule, and what is said of how much each setting matters."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented_trials import SPACE, finish

from share_dist.sweep.finalists import RepeatProgress, finalists, keep_repeat, points_to_repeat
from share_dist.sweep.importance import FEWEST, importances
from share_dist.sweep.outcome import Outcome, TrialRow, gains_in_words, outcome_of, pareto_front
from share_dist.sweep.story import near_ends, rule


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_the_front_holds_what_nothing_else_beats_and_beats_all_others(values):
    front = [values[place] for place in pareto_front(values)]

    def beats(one, other):
        return one != other and one[0] >= other[0] and one[1] >= other[1]

    assert not any(beats(one, other) for one, other in itertools.product(values, front))
    assert all(value in front or any(beats(one, value) for one in front) for value in values)


def test_the_front_is_optunas(search):
    found = search()
    random = np.random.default_rng(5)
    for index in range(12):
        finish(found, str(index), *random.normal(size=2))
    assert outcome_of(found.study, found.config).front == [trial.number for trial in found.study.best_trials]


def test_the_best_is_the_highest_that_costs_everyday_no_more_than_the_default_does(search):
    found = search()
    for index, gains in enumerate([(20.0, -0.5), (40.0, -0.9), (30.0, -0.4), (25.0, -0.1)]):
        finish(found, str(index), *gains)
    outcome = outcome_of(found.study, found.config)
    assert outcome.best.number == 2
    assert outcome.front == [1, 2, 3]


def test_repeats_overrule_a_trial_that_was_only_lucky(search):
    found = search(finalists=2, repeats=2)
    for index, gains in enumerate([(20.0, -0.5), (40.0, -0.4), (30.0, -0.4), (10.0, -0.1)]):
        finish(found, str(index), *gains)
    config = found.config
    assert [row.number for row in finalists(outcome_of(found.study, config), config)] == [0, 1, 2]
    points = points_to_repeat(found.study, config, seed=7)
    assert [(point["seed"], point["number"]) for point in points] == [(8, 0), (8, 1), (8, 2), (9, 0), (9, 1), (9, 2)]
    for point in points:
        worst = {0: 20.0, 1: 15.0, 2: 29.0}[point["number"]] + point["seed"]
        gains = {"worst_tenth_gain_percent": worst, "everyday_gain_percent": 0.0}
        keep_repeat(found.study, point["number"], point["seed"], gains)
    assert outcome_of(found.study, config).best.number == 2
    assert not points_to_repeat(found.study, config, seed=7)


def test_repeats_go_on_where_they_were_stopped(search):
    found = search(finalists=1, repeats=2)
    finish(found, "a", 20.0)
    finish(found, "b", 30.0)
    gains = {"worst_tenth_gain_percent": 1.0, "everyday_gain_percent": 0.0}
    keep_repeat(found.study, 0, 8, gains)
    left = points_to_repeat(search(finalists=1, repeats=2).study, found.config, seed=7)
    assert [(point["seed"], point["number"]) for point in left] == [(8, 1), (9, 0), (9, 1)]


def repeat(worst):
    return {"worst_tenth_gain_percent": worst, "everyday_gain_percent": 0.0}


def test_a_finalist_that_failed_on_another_seed_is_neither_recommended_nor_repeated_again(search):
    found = search(finalists=2, repeats=2)
    for index, worst in enumerate([20.0, 40.0, 30.0]):
        finish(found, str(index), worst)
    for number, worst in ((0, 20.0), (2, 25.0)):
        for seed in (8, 9):
            keep_repeat(found.study, number, seed, repeat(worst))
    keep_repeat(found.study, 1, 8, repeat(50.0))
    progress = RepeatProgress(found.study, found.config, total=1)
    last = SimpleNamespace(config={"point": {"number": 1, "settings": {}, "seed": 9}})
    progress.on_trial_result(1, [], last, {"failed": "TrainingDiverged: the loss is nan"})
    outcome = outcome_of(found.study, found.config)
    assert outcome.best.number == 2
    assert not points_to_repeat(found.study, found.config, seed=7)
    assert rule(outcome, found.config).endswith(
        "Trial 1 is left out, because it failed on seed 9: TrainingDiverged: the loss is nan"
    )


@pytest.mark.parametrize("seeds", [(8, 9), (None, 8)], ids=["no seed in common", "the default not yet"])
def test_repeats_decide_only_once_there_is_something_to_compare(search, seeds):
    found = search(finalists=1, repeats=2)
    finish(found, "a", 20.0)
    finish(found, "b", 30.0)
    for number, seed in enumerate(seeds):
        if seed is not None:
            keep_repeat(found.study, number, seed, repeat(1.0 - number))
    assert outcome_of(found.study, found.config).best.number == 1


def test_where_the_default_failed_the_rule_says_that_nothing_held_the_other_figures(search):
    found = search()
    found.suggest("a")
    found.on_trial_complete("a", {"failed": "TrainingDiverged: the loss is nan"})
    finish(found, "b", 20.0, everyday=-0.1)
    finish(found, "c", 30.0, everyday=-9.0)
    outcome = outcome_of(found.study, found.config)
    assert outcome.best.number == 2
    assert "there are no figures of the default" in rule(outcome, found.config)


def test_a_default_that_failed_on_one_seed_is_compared_on_the_others(search):
    found = search(finalists=1, repeats=2)
    finish(found, "a", 20.0, everyday=-0.2)
    finish(found, "b", 30.0, everyday=-0.1)
    for number, seed, worst, everyday in ((0, 8, 20.0, -0.2), (1, 8, 30.0, -0.9), (1, 9, 30.0, 5.0)):
        gains = {"worst_tenth_gain_percent": worst, "everyday_gain_percent": everyday}
        keep_repeat(found.study, number, seed, gains)
    keep_repeat(found.study, 0, 9, {}, "TrainingDiverged: the loss is nan")
    outcome = outcome_of(found.study, found.config)
    assert outcome.deciding_seeds == [8]
    assert outcome.best.number == 0
    assert "over 1 other seed," in rule(outcome, found.config)


@pytest.mark.parametrize(
    ("quantile", "said"),
    [
        (0.89, " rome.quantile (0.89) lies at an end of what was searched: a wider space may hold better settings."),
        (0.5, ""),
    ],
)
def test_a_best_setting_at_an_end_of_what_was_searched_is_named(quantile, said):
    best = TrialRow(0, "done", {"rome.method": "rome", "rome.quantile": quantile, "share.rounds": 3}, {"gain": 1.0})
    assert near_ends(Outcome([best], ("gain",), {}, {}), SPACE) == said


def test_nothing_is_recommended_while_nothing_is_done(search):
    found = search()
    found.suggest("a")
    found.on_trial_complete("a", {"failed": "out of luck"})
    assert outcome_of(found.study, found.config).best is None


def a_study_in_which_only_one_setting_matters(trials):
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    random = np.random.default_rng(2)
    for _ in range(trials):
        trial = study.ask()
        matters, _idle = trial.suggest_float("matters", 0, 1), trial.suggest_float("idle", 0, 1)
        study.tell(trial, 10 * matters + random.normal(scale=0.3))
    return study


@pytest.mark.slow
def test_the_setting_that_matters_is_found_and_its_interval_says_so():
    first, second = importances(a_study_in_which_only_one_setting_matters(40), ["gain"])["gain"]
    assert (first.setting, second.setting) == ("matters", "idle")
    assert first.low > second.high
    for found in (first, second):
        assert 0 <= found.low <= found.mean <= found.high <= 1


@pytest.mark.slow
def test_few_trials_say_nothing_of_importance_and_more_say_it_more_surely():
    assert importances(a_study_in_which_only_one_setting_matters(FEWEST - 1), ["gain"]) == {}
    few = importances(a_study_in_which_only_one_setting_matters(25), ["gain"])["gain"][0]
    many = importances(a_study_in_which_only_one_setting_matters(200), ["gain"])["gain"][0]
    assert many.high - many.low < few.high - few.low


def test_errors_going_down_are_written_with_a_minus():
    gains = {"worst_tenth_gain_percent": 23.14, "everyday_gain_percent": -0.4}
    assert gains_in_words(gains) == "worst tenth -23.1 %, everyday +0.4 %"
    assert gains_in_words({"everyday_gain_percent": 0.01}) == "everyday +0.0 %"


@pytest.mark.parametrize("worst", [float("nan"), float("inf")])
def test_a_trial_without_a_number_is_never_the_best(search, worst):
    found = search()
    finish(found, "a", 20.0)
    finish(found, "b", worst)
    assert outcome_of(found.study, found.config).best.number == 0
