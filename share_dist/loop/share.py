"""SHARE itself: survey, then rounds of landscape, cameras, fine-tuning and survey, then judge and report."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from share_dist import __version__, errors
from share_dist.config import RunConfig, config_json, finite, plain
from share_dist.fleet import Fleet
from share_dist.landscape import Landscape
from share_dist.loop.exhibits import Arrays, gallery_arrays, load_arrays, save_arrays, sphere_arrays
from share_dist.loop.figures import headline, model_figures
from share_dist.loop.judging import judge_counts, judge_surveys
from share_dist.loop.plans import judge_plans, steer_plans
from share_dist.loop.progress import StageProgress
from share_dist.loop.rounds import (
    FINAL_MODEL,
    Attempt,
    Run,
    Surveys,
    keep_base,
    landscape_of,
    round_folder,
    rounds,
    stored_landscape,
    stored_plan,
)
from share_dist.loop.start import checked_model, naming, require_two_blocks, settled
from share_dist.loop.story import EXHIBITS, SUMMARY, publish
from share_dist.report import table_text
from share_dist.storage import finish_run, once, open_run, reopen_run, sealed
from share_dist.training import require_room


@dataclass(frozen=True, slots=True)
class RunResult:
    """Where a finished run can be looked at."""

    summary: dict[str, Any]
    table: str
    report_uri: str


def run_share(config: RunConfig, out: str | Path) -> RunResult:
    """Run SHARE from the base model to the report; the same call goes on where an earlier one was stopped.

    Raises:
        errors.ShareDistError: something the user can put right, before work starts where it can be known.
        errors.RepairFailed: no round was accepted. The report is written all the same and says so.
    """
    require_two_blocks(config.survey.judge_views, "survey.judge-views")
    base = checked_model(config)
    store = open_run(out, config_json(config, "share"))
    with Fleet(config.fleet, config.body, config.render) as fleet, naming(config, base):
        require_room(config.training, config.learning.batch_size)
        result = _share(Run(settled(config, store), store, fleet), base, store.uri().rpartition("/")[2])
    if not any(row["accepted"] for row in result.summary["rounds"]):
        raise errors.RepairFailed(
            f"none of the {len(result.summary['rounds'])} tries was accepted, so the model is as it was before.\n\n"
            f"{result.table}\n\n"
            "  Try more --share.attempts, or a higher --share.everyday-share, with another --out.\n"
            f"  The page says why each was refused: {result.report_uri}"
        )
    return result


def _share(run: Run, base: bytes, title: str) -> RunResult:
    config = run.config
    progress = StageProgress(run.store, expected_seconds(config))
    keep_base(run.store, base)
    reopen_run(run.store)
    with progress.stage("base survey"):
        base_steer = run.steer(base, "base/steer", "base")
        base_landscape = landscape_of(base_steer["all_cameras"], config.landscape)
    with progress.stage("judge before"):
        before = judge_surveys(run, base, "judge-before", "before")
    *_, last = rounds(run, base, base_steer, progress)
    run.store.overwrite(FINAL_MODEL, last.model)
    with progress.stage("judge after"):
        after = judge_surveys(run, last.model, "judge-after", "after")
    summary = {"title": title, **_summary(run, last.attempts, base_landscape, before, after)}
    with progress.stage("report"):
        once(run.store, EXHIBITS, lambda: _exhibits(run, before, after), save_arrays, load_arrays)
        _write_summary(run, summary, progress)
        report_uri = publish(run.store)
    _write_summary(run, summary, progress)
    finish_run(run.store)
    return RunResult(summary, table_text(summary), report_uri)


def _exhibits(run: Run, before: Surveys, after: Surveys) -> Arrays:
    aimed_by = [stored_landscape(run, index) for index in range(run.config.share.rounds)]
    return sphere_arrays(run, before, after, aimed_by) | gallery_arrays(run, before["all_cameras"])


def _write_summary(run: Run, summary: dict[str, Any], progress: StageProgress) -> None:
    summary["seconds"] = progress.seconds
    run.store.overwrite(SUMMARY, sealed(finite(summary)))


def _summary(
    run: Run, attempts: Sequence[Attempt], base_landscape: Landscape, before: Surveys, after: Surveys
) -> dict[str, Any]:
    config = run.config
    figures = [model_figures(surveys, base_landscape, config.landscape) for surveys in (before, after)]
    body = run.fleet.body
    return {
        "before": figures[0],
        "after": figures[1],
        "headline": headline(figures[0], figures[1]),
        "rounds": [attempt.row() for attempt in attempts],
        "seed": config.seed,
        "body": {"name": body.name, "hash": body.hash},
        "models": {"before": before["everyday"].meta["model_hash"], "after": after["everyday"].meta["model_hash"]},
        "plans": _plans(run),
        "versions": versions(),
        "precision": {"survey": config.survey.precision, "learning": config.learning.precision},
        "machinery": plain({"fleet": asdict(config.fleet), "training": asdict(config.training)}),
    }


def _plans(run: Run) -> dict[str, Any]:
    """Every plan of the run by its purpose; of a round's, whose points are many, only the hash and the place."""
    judge, steer = judge_plans(run.config), steer_plans(run.config)
    named = {f"judge {name}": plan for name, plan in judge.items()} | {f"steer {name}": p for name, p in steer.items()}
    plans = {name: {"hash": plan.hash, **plan.to_json()} for name, plan in named.items()}
    for index in range(run.config.share.rounds):
        plans[f"round {index + 1}"] = {"hash": stored_plan(run, index).hash, "stored": f"{round_folder(index)}/plan"}
    return plans


def versions() -> dict[str, str]:
    """What computed the numbers: this package, Python, and the libraries whose arithmetic they rest on."""
    libraries = ("torch", "ray", "deepspeed", "numpy", "numba", "scipy")
    ours = {"share-dist": __version__, "python": platform.python_version()}
    return ours | {name: version(name) for name in libraries}


def expected_seconds(config: RunConfig) -> dict[str, float]:
    """Stages in order and what each costs on two cores, where a second surveys 500 views, draws or learns 600."""
    survey_s = 2 * config.survey.steer_views / 500
    judge_s = sum(judge_counts(config.survey.judge_views).values()) / 500
    learning = config.learning
    train_s = 12 + learning.fresh_views * (1 + learning.reuse) / 600
    each = {f"round {index + 1}": train_s + 2 * survey_s + 3 for index in range(config.share.rounds)}
    return {"base survey": 12 + survey_s, "judge before": judge_s, **each, "judge after": judge_s, "report": 12}
