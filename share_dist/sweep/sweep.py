"""A sweep from its first trial to its page; the same call goes on where an earlier one was stopped."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import ray

from share_dist.config import RunConfig
from share_dist.fleet import Fleet, cluster_nodes, connect
from share_dist.loop.rounds import BASE_MODEL, Run
from share_dist.loop.start import checked_model, require_two_blocks, settled
from share_dist.recipes import checked_space
from share_dist.storage import Store, inside, once, open_run
from share_dist.sweep.finalists import RepeatProgress, points_to_repeat
from share_dist.sweep.outcome import Outcome
from share_dist.sweep.plan import SweepPlan
from share_dist.sweep.progress import SweepProgress
from share_dist.sweep.room import room_for_trials, share_of_room
from share_dist.sweep.search import StudySearch, default_point
from share_dist.sweep.story import publish
from share_dist.sweep.study import BASE_COST, finished, open_storage, require_identity
from share_dist.sweep.trial import PICTURES, SHARED, TrialTask, shortened
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
    checked_space(plan.space, plan.config)
    require_two_blocks(plan.config.survey.steer_views, "survey.steer-views")
    base, warm = checked_model(plan.config), settings_to_try(plan.sweep.warm_start, plan.space)
    store = open_run(out, json.dumps(plan.identity(), indent=1, sort_keys=True))
    name = plan.sweep.name or store.uri().rpartition("/")[2]
    search = StudySearch(plan.space, plan.sweep, open_storage(plan.sweep.storage, store), name, plan.config.seed)
    require_identity(search.study, plan.identity())
    search.first_try([default_point(plan.config, plan.space), *warm])
    if _is_unfinished(plan, search):
        _try(plan, base, store, search)
    return SweepResult(*publish(store, plan, search.study))


def _is_unfinished(plan: SweepPlan, search: StudySearch) -> bool:
    trials = len(finished(search.study.trials)) < plan.sweep.trials
    return trials or bool(points_to_repeat(search.study, plan.sweep, plan.config.seed))


def _try(plan: SweepPlan, base: bytes, store: Store, search: StudySearch) -> None:
    started_here = connect(plan.config.fleet)
    try:
        nodes = cluster_nodes()
        room = room_for_trials(plan.config, nodes)
        log.info("%s", room.arithmetic)
        config = settled(shortened(share_of_room(plan.config, room, nodes), plan.sweep.length), store)
        cost = survey_base(plan.config, config, base, store)
        if BASE_COST not in search.study.user_attrs:
            search.study.set_user_attr(BASE_COST, cost)
        task, sweep = TrialTask(config, base, store), plan.sweep
        todo = sweep.trials - len(finished(search.study.trials))
        if todo > 0:
            crew = Crew(min(room.trials, todo), sweep.restarts, SweepProgress(search, sweep.trials, room.trials))
            search_trials(task, search, todo, crew)
        points = points_to_repeat(search.study, sweep, plan.config.seed)
        if points:
            progress = RepeatProgress(search.study, sweep, len(points))
            run_points(task, points, Crew(min(room.trials, len(points)), sweep.restarts, progress))
    finally:
        if started_here:
            ray.shutdown()


def survey_base(whole: RunConfig, config: RunConfig, base: bytes, store: Store) -> dict[str, float]:
    """Survey the base model once for all trials, with all of the cluster; return its `views` and its `seconds`."""
    shared = inside(store, SHARED)
    shared.write_once(BASE_MODEL, base)

    def survey() -> dict[str, float]:
        with Fleet(whole.fleet, config.body, config.render, kept=inside(shared, PICTURES)) as fleet:
            Run(config, store, fleet, shared).steer(base, "base/steer", "base")
            return {"views": fleet.surveyed, "seconds": fleet.survey_seconds}

    return once(shared, "base-cost", survey, _save_cost, _load_cost)


def _save_cost(cost: dict[str, float], stage: Store) -> None:
    stage.write_once("cost.json", json.dumps(cost).encode())


def _load_cost(stage: Store) -> dict[str, float]:
    return json.loads(stage.read("cost.json"))
