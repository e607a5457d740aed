"""A sweep from its first trial to its page; the same call goes on where an earlier one was stopped."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ray
from optuna.storages import BaseStorage

from share_dist import errors
from share_dist.config import RunConfig
from share_dist.fleet import Fleet, cluster_nodes, connect, may_grow
from share_dist.loop.rounds import Run, keep_base
from share_dist.loop.start import checked_model, require_two_blocks, settled
from share_dist.recipes import checked_space
from share_dist.storage import CONFIG, Store, inside, once, open_run, open_store, read_sealed
from share_dist.sweep.finalists import RepeatProgress, points_to_repeat
from share_dist.sweep.outcome import Outcome, outcome_of
from share_dist.sweep.plan import SweepPlan
from share_dist.sweep.progress import SweepProgress
from share_dist.sweep.room import room_for_trials, share_of_room
from share_dist.sweep.search import StudySearch, default_point
from share_dist.sweep.story import publish
from share_dist.sweep.study import (
    BASE_COST,
    begin_study,
    finished,
    open_database,
    open_journal,
    require_same_study,
)
from share_dist.sweep.trial import PICTURES, SHARED, TrialTask, shortened, with_point
from share_dist.sweep.tuning import Crew, run_points, search_trials
from share_dist.sweep.warm_start import settings_to_try

log = logging.getLogger("share_dist")


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Where a sweep can be looked at."""

    outcome: Outcome
    table: str
    report_uri: str


def run_sweep(plan: SweepPlan, out: str | Path) -> SweepResult:
    """Search a space with trials of a recipe, and keep everything under `out`.

    Raises:
        errors.ShareDistError: something the user can put right, before any trial starts where it can be known.
    """
    _require_trials(plan)
    base = checked_model(plan.config)
    if plan.sweep.warm_start and not open_store(out).exists(CONFIG):
        # Here only to refuse it before anything is made.
        settings_to_try(plan.sweep.warm_start, plan.space)
    store, storage, name = _open(plan, out)
    search = StudySearch(plan.space, plan.sweep, storage, name, plan.config.seed)
    if not search.study.trials:
        warm = settings_to_try(plan.sweep.warm_start, plan.space)
        search.first_try([default_point(plan.config, plan.space), *warm])
    if not _is_finished(plan, search):
        started_here = connect(plan.config.fleet)
        try:
            _try_all(plan, base, store, lambda: StudySearch(plan.space, plan.sweep, storage, name, plan.config.seed))
        finally:
            if started_here:
                ray.shutdown()
    outcome, table, report_uri = publish(store, plan, search.study)
    return SweepResult(outcome, table, report_uri)


def _require_trials(plan: SweepPlan) -> None:
    """Refuse what no trial could be made of."""
    checked_space(plan.space, plan.config)
    require_two_blocks(plan.config.survey.steer_views, "survey.steer-views")
    short = shortened(plan.config, plan.sweep.length)
    for name, part in plan.space.items():
        for value in part.ends:
            with_point(short, {**part.when, name: value})


def _open(plan: SweepPlan, out: str | Path) -> tuple[Store, BaseStorage, str]:
    """Return the sweep's place, and its study's storage and name; both are this sweep's and nobody else's."""
    place = open_store(out).uri()
    name, identity = plan.sweep.name or place.rpartition("/")[2], plan.identity()
    database = None
    if plan.sweep.storage is not None:
        # Many sweeps lie in one database, and those of different places share no files.
        identity["out"] = place
        database = open_database(plan.sweep.storage)
        require_same_study(database, name, identity)
    store = open_run(out, json.dumps(plan.identity(), indent=1, sort_keys=True))
    storage = database or open_journal(store, name, len(plan.sweep.figures))
    if not require_same_study(storage, name, identity):
        begin_study(storage, name, identity, plan.sweep.figures)
    return store, storage, name


def _is_finished(plan: SweepPlan, search: StudySearch) -> bool:
    trials = len(finished(search.study.trials)) >= plan.sweep.trials
    return trials and not points_to_repeat(search.study, plan.sweep, plan.config.seed)


def _done(plan: SweepPlan, search: StudySearch) -> int:
    outcome = outcome_of(search.study, plan.sweep)
    repeats = [*outcome.repeats.values(), *outcome.failed_repeats.values()]
    return len(finished(search.study.trials)) + sum(map(len, repeats))


def _try_all(plan: SweepPlan, base: bytes, store: Store, open_search: Callable[[], StudySearch]) -> None:
    """Run trials and repeats to the last, also when nodes are lost: then with what is left of the cluster.

    Raises:
        errors.WorkersLost: there is no room for a trial, or nothing was finished since the last loss.
    """
    while True:
        search = open_search()
        before = _done(plan, search)
        try:
            return _try(plan, base, store, search)
        except errors.WorkersLost as error:
            if _done(plan, search) == before:
                raise
            log.warning("%s\nThe sweep goes on with what is left.", error)


def _try(plan: SweepPlan, base: bytes, store: Store, search: StudySearch) -> None:
    nodes, sweep = cluster_nodes(), plan.sweep
    room = room_for_trials(plan.config, nodes, may_grow())
    log.info("%s", room.arithmetic)
    config = settled(shortened(share_of_room(plan.config, room, nodes), sweep.length), store)
    cost = survey_base(plan.config, config, base, store)
    if BASE_COST not in search.study.user_attrs:
        search.study.set_user_attr(BASE_COST, cost)
    task = TrialTask(config, base, store, room.trials)
    todo = sweep.trials - len(finished(search.study.trials))
    if todo > 0:
        crew = Crew(min(room.trials, todo), sweep.restarts, SweepProgress(search, sweep.trials, room.trials))
        search_trials(task, search, todo, crew)
    points = points_to_repeat(search.study, sweep, plan.config.seed)
    if points:
        progress = RepeatProgress(search.study, sweep, len(points))
        run_points(task, points, Crew(min(room.trials, len(points)), sweep.restarts, progress))


def survey_base(whole: RunConfig, config: RunConfig, base: bytes, store: Store) -> dict[str, float]:
    """Survey the base model once for all trials, with all of the cluster; return its `views` and its `seconds`."""
    shared = inside(store, SHARED)
    keep_base(shared, base)

    def survey() -> dict[str, float]:
        with Fleet(whole.fleet, config.body, config.render, kept=inside(shared, PICTURES)) as fleet:
            Run(config, store, fleet, shared).steer(base, "base/steer", "base")
            return {"views": fleet.surveyed, "seconds": fleet.survey_seconds}

    return once(shared, "base-cost", survey, _save_cost, _load_cost)


def _save_cost(cost: dict[str, float], stage: Store) -> None:
    stage.write_once("cost.json", json.dumps(cost).encode())


def _load_cost(stage: Store) -> dict[str, float]:
    return read_sealed(stage, "cost.json")
