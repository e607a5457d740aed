"""A trial: a short SHARE run that says after every round what it gained on steer views, and never looks at judge."""

from __future__ import annotations

import json
import logging
import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ray import tune

from share_dist import errors
from share_dist.config import RunConfig, with_settings
from share_dist.fleet import Fleet
from share_dist.loop.figures import headline, model_figures
from share_dist.loop.progress import StageProgress
from share_dist.loop.rounds import Run, landscape_of, rounds
from share_dist.masking import without_password
from share_dist.storage import CONFIG, Store, inside, require_same, sealed

SHARED = "shared"
PICTURES = "pictures"
POINT = "point.json"

_ITS_OWN = (errors.TrainingDiverged, errors.BadSetting)
"""Of the errors that a user can put right, those that a trial's own settings bring on. Every other would befall the
next trial too, so that the sweep stops and keeps the trial for when it goes on."""


@dataclass(frozen=True, slots=True)
class TrialTask:
    """What all trials of a sweep have in common."""

    config: RunConfig
    base: bytes
    store: Store
    at_a_time: int = 1
    """Trials among which the cluster is divided; a trial's seconds of survey count as this part of the whole's."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a trial has of its own; travels as a dictionary, for Tune."""

    number: int
    settings: Mapping[str, Any]
    seed: int | None = None
    """Whose people and views; None for those that the sweep searches with."""

    @property
    def name(self) -> str:
        """What the trial is called in lines."""
        return f"trial {self.number}" + ("" if self.seed is None else f" on seed {self.seed}")

    @property
    def folder(self) -> str:
        """Where the trial lies in its sweep."""
        return f"trials/{self.number:04d}" + ("" if self.seed is None else f"-seed-{self.seed}")


def shortened(config: RunConfig, length: float) -> RunConfig:
    """Return a recipe with a part of its views."""
    views = max(round(config.learning.fresh_views * length), 1)
    return replace(config, learning=replace(config.learning, fresh_views=views))


def with_point(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """Return a recipe with the settings of a trial.

    All its rounds together keep the number of views: more rounds are shorter ones, so that trials cost alike. Where
    the settings name `learning.fresh_views` themselves, they are left as they are.
    """
    changed = with_settings(config, settings)
    if "learning.fresh_views" in settings or changed.share.rounds == config.share.rounds:
        return changed
    views = config.learning.fresh_views * config.share.rounds // changed.share.rounds
    return replace(changed, learning=replace(changed.learning, fresh_views=views))


def run_trial(config: dict[str, Any], task: TrialTask) -> None:
    """Run one trial in a process of Tune's and report its figures after each round.

    Args:
        config: the fields of a `Point`, below the name `point`.
        task: what it has in common with the others.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    point = Point(**config["point"])
    try:
        for figures in trial_rounds(point, task):
            tune.report(figures)
    except Exception as error:
        if isinstance(error, errors.ShareDistError) and not isinstance(error, _ITS_OWN):
            tune.report({"halted": type(error).__name__, "why": without_password(str(error))})
        else:
            logging.getLogger("share_dist").exception("%s failed", point.name)
            # It is kept in the study, and shown on the page.
            tune.report({"failed": without_password(f"{type(error).__name__}: {error}")})


def trial_rounds(point: Point, task: TrialTask) -> Iterator[dict[str, Any]]:
    """Yield what a trial has gained on steer views after each of its rounds; finished ones are found again.

    Raises:
        errors.NotWritable: this node does not see the sweep's folder.
        errors.TrainingDiverged: the settings cannot be trained with.
    """
    if not task.store.exists(CONFIG):
        raise errors.NotWritable(
            f"a trial on node {platform.node()} does not find {task.store.uri(CONFIG)}, which the driver wrote.\n"
            "  Give --out a folder that every node mounts, or a bucket."
        )
    config = with_point(task.config, point.settings)
    config = config if point.seed is None else replace(config, seed=point.seed)
    store, shared = inside(task.store, point.folder), inside(task.store, SHARED)
    _require_folder_of(point, store)
    with Fleet(config.fleet, config.body, config.render, kept=inside(shared, PICTURES)) as fleet:
        run, progress = Run(config, store, fleet, shared), StageProgress(store, {})
        with progress.stage("base survey"):
            base = run.steer(task.base, "base/steer", "base")
            landscape = landscape_of(base["all_cameras"], config.landscape)
            before = model_figures(base, landscape, config.landscape)
        for done, standing in enumerate(rounds(run, task.base, base, progress), start=1):
            with progress.stage(f"figures {done}"):
                gains = headline(before, model_figures(standing.steer, landscape, config.landscape))
            yield {
                **gains,
                "round": done,
                "percent": 100 * done // config.share.rounds,
                "accepted": sum(attempt.accepted for attempt in standing.attempts),
                "surveyed": fleet.surveyed,
                "survey_seconds": round(fleet.survey_seconds / task.at_a_time, 2),
                "trial_seconds": round(sum(progress.seconds.values()), 1),
            }


def _require_folder_of(point: Point, store: Store) -> None:
    """Refuse a folder of another study's trial, whose stages would be taken for this one's.

    Raises:
        errors.OtherRun: its settings are others.
    """
    wanted = {"settings": dict(point.settings), "seed": point.seed}
    if store.exists(POINT):
        require_same(
            store,
            POINT,
            json.loads(json.dumps(wanted)),
            otherwise=f"{store.uri()} holds a trial of another study",
            remedy="Give the --name and --storage with which this sweep was begun, or another --out.",
        )
    else:
        store.write_once(POINT, sealed(wanted))


def is_finite(figures: Mapping[str, Any]) -> bool:
    """Whether every figure is a number that can be compared."""
    numbers = [value for value in figures.values() if value is None or isinstance(value, (int, float))]
    return all(value is not None and math.isfinite(value) for value in numbers)
