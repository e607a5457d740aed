"""What a run that went through faults lost, doubled or repeated: an audit of its manifests and rows, not its logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from share_dist.body import BodyLayer, load_body
from share_dist.errors import DamagedFile
from share_dist.learning import batch_numbers, total_steps
from share_dist.models import BASE_CHECKPOINT, load_checkpoint
from share_dist.render import RenderConfig, make_renderer
from share_dist.storage import MANIFEST, Store, checked, inside
from share_dist.studies.cluster_work import NOTED, SURVEY, SURVEYED, Work
from share_dist.survey import Survey, plain_survey
from share_dist.training import checkpoints


@dataclass(kw_only=True)
class Audit:
    """What was found; all zeros and nothing damaged is what is promised."""

    rows_lost: int = 0
    """Views that no row of a survey speaks of."""

    rows_doubled: int = 0
    """Views that more than one row speaks of."""

    rows_different: int = 0
    """Rows that differ in any bit from those of an undisturbed loop over the same views with the same model."""

    damaged: list[str] = field(default_factory=list)
    """Objects that are not what their manifest says."""

    steps_out_of_order: int = 0
    """Steps at which the ranks together were not given that step's batch in that step's order."""

    steps_missing: int = 0
    steps_repeated: list[int] = field(default_factory=list)
    """For each time the training went on: how many steps that had been taken were taken again."""

    def failures(self, checkpoint_every: int) -> list[str]:
        """Return what breaks the promise, in words."""
        zeros = ("rows_lost", "rows_doubled", "rows_different", "steps_out_of_order", "steps_missing")
        found = [f"{name.replace('_', ' ')}: {getattr(self, name)}" for name in zeros if getattr(self, name)]
        found += [f"damaged: {what}" for what in self.damaged]
        most = max(self.steps_repeated, default=0)
        if most > checkpoint_every:
            found.append(f"steps repeated: {most}, more than a checkpoint's {checkpoint_every}")
        return found


def audit(store: Store, work: Work, undisturbed: Mapping[str, Survey]) -> Audit:
    """Examine a finished run.

    Args:
        store: the run's, read without faults.
        work: what was to be done.
        undisturbed: the rows that each survey should have; see `plain_rows`.
    """
    found = Audit(damaged=list(_damage(store)))
    for name, wanted in undisturbed.items():
        compare(Survey.load(inside(store, name)), wanted, found)
    follow_steps(json.loads(store.read(NOTED)), work, found)
    return found


def plain_rows(store: Store, views: int, names: Iterable[str] = ("survey", "survey-again")) -> dict[str, Survey]:
    """Survey with a plain loop in this process: the built-in model for the first name, the run's own for the second."""
    body = load_body()
    renderer, layer = make_renderer(body, RenderConfig()), BodyLayer(body)
    trained = checkpoints.finished_model(inside(store, "training"))
    models = {"survey": BASE_CHECKPOINT.read_bytes(), "survey-again": trained}
    return {
        name: plain_survey(load_checkpoint(models[name], body.hash)[0].eval(), SURVEYED, views, renderer, layer, SURVEY)
        for name in names
    }


def _damage(store: Store) -> Iterable[str]:
    for key in store.list():
        if key.endswith(f"/{MANIFEST}"):
            stage = inside(store, key.removesuffix(f"/{MANIFEST}"))
            yield from (str(what).splitlines()[0] for _, what in checked(stage) if isinstance(what, DamagedFile))


def compare(survey: Survey, wanted: Survey, found: Audit) -> None:
    """Add to an audit what a survey has lost, doubled or changed of the rows that it should have."""
    numbers, counts = np.unique(survey["view_number"], return_counts=True)
    found.rows_lost += len(np.setdiff1d(wanted["view_number"], numbers))
    found.rows_doubled += int((counts > 1).sum())
    if len(survey) == len(wanted):
        same = [_equal(survey[name], wanted[name]) for name in wanted.columns]
        found.rows_different += int((~np.all(same, axis=0)).sum())


def _equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    both_nan = (one != one) & (other != other)
    return (one == other) | both_nan


def follow_steps(notes: Sequence[dict[str, Any]], work: Work, found: Audit) -> None:
    """Add to an audit what the ranks of all starts were given: every step, in its order, and which of them again."""
    by_start: dict[str, list[dict[str, Any]]] = {}
    for note in notes:
        by_start.setdefault(note["start"], []).append(note)
    # A start that was lost before every rank had its first step took none.
    starts = [start for start in map(_start, by_start.values()) if start]
    job = work.job
    taken = set[int]()
    for start in starts:
        for step, numbers in start.items():
            wanted = batch_numbers(job.learning, job.seed, step)
            found.steps_out_of_order += not np.array_equal(numbers, wanted)
            taken.add(step)
    found.steps_missing = len(set(range(total_steps(job.learning))) - taken)
    for before, after in pairwise(starts):
        # The last step that was given may not have been taken.
        found.steps_repeated.append(max(max(before) - min(after), 0))


def _start(notes: Sequence[dict[str, Any]]) -> dict[int, np.ndarray]:
    """Join what the ranks of one start were given: the numbers of each step that all of them reached, in rank order."""
    given = [dict(map(tuple, note["given"])) for note in sorted(notes, key=lambda note: note["rank"])]
    whole = len(given) == notes[0]["ranks"]
    steps = set.intersection(*(set(rank) for rank in given)) if whole else set[int]()
    return {step: np.concatenate([rank[step] for rank in given]) for step in sorted(steps)}


def as_json(found: Audit) -> dict[str, Any]:
    """Return the audit as JSON values."""
    return asdict(found)
