"""The rounds of SHARE: find where the model is worst, train on it there, look again, accept or take back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from share_dist import errors
from share_dist.camera import Camera
from share_dist.config import RunConfig
from share_dist.fleet import Fleet
from share_dist.landscape import Landscape, LandscapeConfig, fit_landscape
from share_dist.landscape.fit import FEWEST_VIEWS
from share_dist.loop.plans import camera_pool, round_plan, steer_plans
from share_dist.loop.progress import StageProgress
from share_dist.models import blend_checkpoints, read_card
from share_dist.rome import Regions, choose_cameras, find_regions
from share_dist.scene import ViewPlan
from share_dist.seeds import derived_seed
from share_dist.storage import MAKE_AGAIN, Store, inside, once, read_sealed
from share_dist.survey import Survey, has_value, measured
from share_dist.training import TrainingJob, train

Surveys = dict[str, Survey]
BASE_MODEL, FINAL_MODEL = "base/model.safetensors", "model.safetensors"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a round: what it trained with, what came out, and whether it was kept."""

    round: int
    attempt: int
    accepted: bool
    why: str
    step: float
    """How far it went from the base model's weights to the fine-tuned ones, in (0, 1]."""

    before_mm: dict[str, float]
    after_mm: dict[str, float]

    @property
    def folder(self) -> str:
        """Where the try lies in the run."""
        return attempt_folder(self.round, self.attempt)

    def row(self) -> dict[str, Any]:
        """One entry of `rounds` in summary.json."""
        return asdict(self)


def keep_base(store: Store, base: bytes) -> None:
    """Keep the base model with the run that begins with it.

    Raises:
        errors.DamagedFile: the run's own copy has changed since it was written.
        errors.OtherRun: the run began with another model.
    """
    try:
        store.write_once(BASE_MODEL, base)
    except errors.OtherRun:
        if _is_altered(store.read(BASE_MODEL), base):
            raise errors.DamagedFile(
                f"{store.uri(BASE_MODEL)} has changed since it was written.\n  {MAKE_AGAIN}"
            ) from None
        raise errors.OtherRun(
            f"{store.uri()} began with another base model than the one that is given now.\n"
            "  Give --model.checkpoint the one it began with, or choose another --out."
        ) from None


def _is_altered(kept: bytes, base: bytes) -> bool:
    """Whether a checkpoint was spoilt, rather than being another one: its card names the weights that it began with."""
    try:
        return read_card(kept)["model_hash"] == read_card(base)["model_hash"]
    except (errors.DamagedFile, errors.WrongArchitecture):
        return True


def round_folder(index: int) -> str:
    """Folder of a round in the run, `round-00` first."""
    return f"round-{index:02d}"


def attempt_folder(index: int, attempt: int) -> str:
    """Folder of one try of a round."""
    return f"{round_folder(index)}/attempt-{attempt}"


@dataclass(frozen=True, slots=True)
class Run:
    """What every stage of a run works with."""

    config: RunConfig
    store: Store
    fleet: Fleet

    shared: Store | None = None
    """Where other runs find this one's steer surveys, by what they measure; None keeps them in the run's folders."""

    def steer(self, model: bytes, folder: str, label: str) -> Surveys:
        """Survey a model on the steer views, under a folder of the run or where it is shared."""
        count, config = self.config.survey.steer_views, self.config.survey
        surveys = {}
        for name, plan in steer_plans(self.config).items():
            store = inside(self.store, f"{folder}/{name}")
            if self.shared is not None:
                store = inside(self.shared, f"surveys/{self.fleet.survey_key(model, plan, count, config)}")
            surveys[name] = self.fleet.survey(model, plan, count, store, config, f"{label} {name}")
        return surveys


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands after a round."""

    model: bytes
    """The last model that was accepted, the base model at first."""

    steer: Surveys
    """Its surveys on steer views."""

    attempts: tuple[Attempt, ...] = ()
    """Every try so far."""


def find_weak_views(run: Run, index: int, survey: Survey, pool: list[Camera]) -> tuple[Landscape, Regions]:
    """Fit the landscape of a round to the steer survey and find its regions of maximal error; both are stored."""
    landscape = once(
        run.store,
        f"{round_folder(index)}/landscape",
        lambda: landscape_of(survey, run.config.landscape),
        lambda made, store: store.write_once("landscape.json", json.dumps(made.to_json()).encode()),
        read_landscape,
    )
    regions = once(
        run.store,
        f"{round_folder(index)}/regions",
        lambda: find_regions(landscape, pool, run.config.rome),
        lambda made, store: store.write_once("regions.json", json.dumps(made.to_json()).encode()),
        lambda store: Regions.from_json(read_sealed(store, "regions.json")),
    )
    return landscape, regions


def landscape_of(survey: Survey, config: LandscapeConfig) -> Landscape:
    """Fit the views of a survey that have an error.

    Raises:
        errors.BadSetting: they are too few.
    """
    return fit_landscape(measured(survey, FEWEST_VIEWS), config)


def read_landscape(store: Store) -> Landscape:
    """Read a landscape back from its stage."""
    return Landscape.from_json(read_sealed(store, "landscape.json"))


def stored_landscape(run: Run, index: int) -> Landscape:
    """The landscape that a finished round was aimed by."""
    return read_landscape(inside(run.store, f"{round_folder(index)}/landscape"))


def planned_views(run: Run, index: int, landscape: Landscape, regions: Regions, pool: list[Camera]) -> ViewPlan:
    """Choose a round's cameras and mix them with everyday ones; the plan is stored before anything learns from it."""
    config = run.config

    def plan() -> ViewPlan:
        target = config.camera.target_distribution()
        return round_plan(config, choose_cameras(landscape, pool, target, config.rome, regions), index)

    return once(
        run.store,
        f"{round_folder(index)}/plan",
        plan,
        lambda made, store: store.write_once("plan.json", json.dumps(made.to_json()).encode()),
        read_plan,
    )


def read_plan(store: Store) -> ViewPlan:
    """Read a round's plan back from its stage."""
    return ViewPlan.from_json(read_sealed(store, "plan.json"))


def stored_plan(run: Run, index: int) -> ViewPlan:
    """The plan that a finished round learned from."""
    return read_plan(inside(run.store, f"{round_folder(index)}/plan"))


def fine_tune(run: Run, index: int, base: bytes, model: bytes, plan: ViewPlan) -> bytes:
    """Train a round on its plan from `model`, holding on to what the base model says of everyday views."""
    config = run.config
    job = TrainingJob(
        name=f"round {index + 1}",
        start=model,
        anchor=base,
        seed=derived_seed(config.seed, round_folder(index)),
        learning=config.learning,
        losses=config.losses,
        body=config.body,
        data=json.dumps({"plan": plan.hash, "render": asdict(config.render)}),
    )
    store = inside(run.store, f"{round_folder(index)}/training")
    return train(job, store, run.fleet.pictures(plan), config.training)


def judge_attempt(config: RunConfig, base: Surveys, before: Surveys, after: Surveys) -> tuple[bool, str]:
    """Decide on steer views whether a try is kept, and say why in a sentence."""
    target = config.camera.target
    lost = [
        f"{count:,} {name} views"
        for name, survey in after.items()
        if (count := int(np.count_nonzero(has_value(before[name]) & ~has_value(survey))))
    ]
    if lost:
        return False, f"the network has no finite answer any more to {' and '.join(lost)}"
    wide_before, wide_after = (mean_error_mm(each[target], before[target]) for each in (before, after))
    limit = mean_error_mm(base["everyday"], after["everyday"]) * (1 + config.share.everyday_tolerance)
    everyday = mean_error_mm(after["everyday"], base["everyday"])
    change = f"{target} {wide_before:.1f} → {wide_after:.1f} mm, everyday {everyday:.1f} mm of at most {limit:.1f}"
    if not wide_after < wide_before:
        return False, f"{target} did not improve: {change}"
    if not everyday <= limit:
        return False, f"everyday views suffered more than share.everyday-tolerance allows: {change}"
    return True, change


def mean_error_mm(survey: Survey, where: Survey | None = None) -> float:
    """MPJPE over a survey's views that have one, and in `where`, if it is given, have one too; NaN where none has."""
    known = has_value(survey) if where is None else has_value(survey) & has_value(where)
    return float(np.mean(survey["mpjpe_mm"][known])) if known.any() else math.nan


def attempts_of_round(
    run: Run, index: int, base: Standing, standing: Standing, pool: list[Camera]
) -> Iterator[tuple[Attempt, bytes, Surveys]]:
    """Try a round until it is accepted or its attempts are used up; each try is yielded with its model and surveys.

    The round trains from where the run stands. The first try takes the fine-tuned weights as they are, each further
    one a gentler step from the base model towards them: everyday views are what the base knows best.
    """
    before = standing.steer
    landscape, regions = find_weak_views(run, index, before[run.config.camera.target], pool)
    trained = fine_tune(run, index, base.model, standing.model, planned_views(run, index, landscape, regions, pool))
    for attempt in range(run.config.share.attempts):
        step = run.config.share.gentler**attempt
        better = trained if step == 1.0 else blend_checkpoints(base.model, trained, step)
        run.store.overwrite(f"{attempt_folder(index, attempt)}/model.safetensors", better)
        after = run.steer(better, f"{attempt_folder(index, attempt)}/survey", f"round {index + 1} after")
        accepted, why = judge_attempt(run.config, base.steer, before, after)
        means = [{name: mean_error_mm(survey) for name, survey in surveys.items()} for surveys in (before, after)]
        yield Attempt(index, attempt, accepted, why, step, means[0], means[1]), better, after
        if accepted:
            return


def rounds(run: Run, base: bytes, base_steer: Surveys, progress: StageProgress) -> Iterator[Standing]:
    """Go through all rounds, each from the last accepted model, and yield where the run stands after each."""
    first = standing = Standing(base, base_steer)
    pool = camera_pool(run.config, run.fleet.body)
    for index in range(run.config.share.rounds):
        with progress.stage(f"round {index + 1}"):
            for attempt, better, after in attempts_of_round(run, index, first, standing, pool):
                progress.say(f"round {index + 1} {'accepted' if attempt.accepted else 'REJECTED'}: {attempt.why}")
                tried = (*standing.attempts, attempt)
                standing = Standing(better, after, tried) if attempt.accepted else replace(standing, attempts=tried)
        yield standing
