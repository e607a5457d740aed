"""Ray Tune around trials, on a real Ray: what is run at a time, ended early, given up, halted, repeated.

The trials themselves report invented figures here; test_sweep_run has real ones.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import replace

import invented_trials
import pytest
import ray
from invented_trials import SPACE, figures
from optuna.trial import TrialState
from ray import cloudpickle, tune

from share_dist import errors
from share_dist.fleet import FleetConfig, connect
from share_dist.recipes import find_recipe
from share_dist.storage import FolderStore
from share_dist.sweep import SweepPlan, sweep, tuning
from share_dist.sweep.config import SweepConfig
from share_dist.sweep.finalists import RepeatProgress, points_to_repeat
from share_dist.sweep.outcome import outcome_of
from share_dist.sweep.progress import SweepProgress
from share_dist.sweep.trial import TrialTask

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def two_cores():
    """A Ray of this module's own, whose processes need not find the tests' files."""
    connect(FleetConfig(cpus=2))
    cloudpickle.register_pickle_by_value(invented_trials)
    yield
    cloudpickle.unregister_pickle_by_value(invented_trials)
    ray.shutdown()


@pytest.fixture
def task(tmp_path):
    return TrialTask(find_recipe("demo"), b"", FolderStore(tmp_path))


@pytest.fixture
def trials_do(monkeypatch):
    """Let every trial do this, instead of a SHARE run."""

    def put(trial):
        monkeypatch.setattr(tuning, "run_trial", lambda config, task: trial(**config["point"]))

    return put


def in_two_rounds(worst_of):
    def trial(number, settings, seed=None):
        for done in (1, 2):
            time.sleep(0.1)
            tune.report(figures(done, 50 * done, worst_of(number)))

    return trial


def run(task, search, count, at_a_time=1):
    progress = SweepProgress(search, count, at_a_time)
    tuning.search_trials(task, search, count, tuning.Crew(at_a_time, search.config.restarts, progress))


def fates(search):
    return [row.fate for row in outcome_of(search.study, search.config).trials]


def test_trials_run_beside_each_other_and_weak_ones_are_ended_early(task, search, trials_do):
    trials_do(in_two_rounds(lambda number: 30.0 - 3 * number))
    found = search(objectives=("worst-tenth",))
    run(task, found, 5, at_a_time=2)
    assert len(found.study.trials) == 5
    counts = Counter(fates(found))
    assert counts["done"] + counts["ended early"] == 5
    assert counts["ended early"] >= 1
    assert fates(found)[0] == "done"
    ended = [row for row in outcome_of(found.study, found.config).trials if row.fate == "ended early"]
    assert all([each["percent"] for each in row.rounds] == [50] for row in ended)


def test_what_would_befall_the_next_trial_too_stops_the_sweep_and_its_trial_goes_on_first(task, search, trials_do):
    def full_at_the_second(number, settings, seed=None):
        full = {"halted": "StorageFull", "why": "the disk is full"}
        tune.report(full if number == 1 else figures(1, 100))

    trials_do(full_at_the_second)
    with pytest.raises(errors.StorageFull, match="the disk is full"):
        run(task, search(), 3)
    stopped = search()
    assert [trial.state for trial in stopped.study.trials] == [TrialState.COMPLETE, TrialState.RUNNING]
    trials_do(in_two_rounds(lambda number: 10.0))
    run(task, stopped, 2)
    assert fates(stopped) == ["done"] * 3


def test_a_trial_whose_process_dies_again_and_again_is_given_up_and_the_others_go_on(task, search, trials_do):
    def dies_as_second(number, settings, seed=None):
        if number == 1:
            os._exit(1)
        tune.report(figures(1, 100))

    trials_do(dies_as_second)
    found = search(restarts=1)
    run(task, found, 3)
    assert fates(found) == ["done", "failed", "done"]
    assert outcome_of(found.study, found.config).trials[1].reason == "its process died 2 times"


def test_a_trials_relative_paths_are_its_drivers(task, search, trials_do, monkeypatch, tmp_path):
    here = os.getcwd()

    def looks_around(number, settings, seed=None):
        tune.report(figures(1, 100) if os.getcwd() == here else {"failed": f"at work in {os.getcwd()}"})

    trials_do(looks_around)
    found = search()
    run(task, found, 1)
    assert outcome_of(found.study, found.config).trials[0].reason is None


def test_an_error_of_the_users_in_the_driver_comes_out_as_itself(task, search, trials_do, monkeypatch):
    trials_do(in_two_rounds(lambda number: 10.0))
    found = search()

    def full(*_):
        raise errors.StorageFull("the disk is full")

    monkeypatch.setattr(found, "note", full)
    with pytest.raises(errors.StorageFull, match="the disk is full"):
        run(task, found, 2)


def test_a_sweep_that_lost_workers_goes_on_with_what_is_left_until_nothing_more_is_finished(
    task, search, trials_do, monkeypatch, tmp_path
):
    monkeypatch.setattr(sweep, "survey_base", lambda *_: {"views": 1, "seconds": 1.0})
    plan = SweepPlan(SPACE, "demo", task.config, SweepConfig(trials=2, finalists=0))
    lost = {"halted": "WorkersLost", "why": "a node is gone"}

    def loses_a_node_once(number, settings, seed=None):
        first = number == 1 and not (tmp_path / "lost").exists()
        if first:
            (tmp_path / "lost").touch()
        tune.report(lost if first else figures(1, 100))

    trials_do(loses_a_node_once)
    sweep._try_all(plan, b"", task.store, search)
    assert fates(search()) == ["done"] * 2

    trials_do(lambda **_: tune.report(lost))
    more = replace(plan, sweep=SweepConfig(trials=3, finalists=0))
    with pytest.raises(errors.WorkersLost, match="a node is gone"):
        sweep._try_all(more, b"", task.store, search)


def test_finalists_are_run_again_on_other_seeds_and_one_that_fails_is_not_run_for_ever(task, search, trials_do):
    trials_do(in_two_rounds(lambda number: 10.0 + number))
    found = search(finalists=2, repeats=2)
    run(task, found, 3)

    def diverges(number, settings, seed):
        failed = {"failed": "TrainingDiverged: the loss is nan"}
        tune.report(failed if (number, seed) == (2, 9) else figures(1, 100, 100.0 * number + seed))

    trials_do(diverges)
    points = points_to_repeat(found.study, found.config, seed=7)
    assert len(points) == 6
    progress = RepeatProgress(found.study, found.config, len(points))
    tuning.run_points(task, points, tuning.Crew(2, 1, progress))
    outcome = outcome_of(found.study, found.config)
    for number, seeds in {0: (8, 9), 1: (8, 9), 2: (8,)}.items():
        found_there = {seed: gains["worst_tenth_gain_percent"] for seed, gains in outcome.repeats[number].items()}
        assert found_there == {seed: 100.0 * number + seed for seed in seeds}
    assert outcome.failed_repeats == {2: {9: "TrainingDiverged: the loss is nan"}}
    assert outcome.best.number == 1
    assert not points_to_repeat(found.study, found.config, seed=7)
