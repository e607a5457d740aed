"""What a sweep leaves behind: its summary, its page, and a table for the terminal."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna

from share_dist.config import finite, setting_of
from share_dist.loop.progress import minutes
from share_dist.loop.share import versions
from share_dist.loop.story import PAGE, SUMMARY
from share_dist.recipes import Range, SearchSpace, find_recipe, space_to_json
from share_dist.report import Importance, Repeat, SweepStory, SweepTrial, write_sweep_report
from share_dist.storage import Store, finish_run, open_store, reopen_run, rewrite, sealed, vouched
from share_dist.sweep.config import FIGURES, SweepConfig
from share_dist.sweep.importance import importances
from share_dist.sweep.outcome import Outcome, gains_in_words, outcome_of
from share_dist.sweep.plan import SweepPlan
from share_dist.sweep.recipe import as_options
from share_dist.sweep.study import BASE_COST
from share_dist.sweep.summary import NOT_KEPT, read_summary
from share_dist.sweep.trial import with_point


def publish(store: Store, plan: SweepPlan, study: optuna.Study) -> tuple[Outcome, str, str]:
    """Write summary and page of a sweep; return what it found, that as a table, and the page's address."""
    outcome = outcome_of(study, plan.sweep)
    figures = plan.sweep.figures
    summary = {
        "title": store.uri().rpartition("/")[2],
        "recipe": plan.recipe,
        "objectives": list(figures),
        "space": space_to_json(plan.space),
        "defaults": {name: setting_of(plan.config, name) for name in plan.space},
        "trials": [asdict(row) for row in outcome.trials],
        "front": outcome.front,
        "best": asdict(outcome.best) if outcome.best else None,
        "ranking": [asdict(row) for row in outcome.ranking],
        "repeats": outcome.repeats,
        "deciding_seeds": outcome.deciding_seeds,
        "means": outcome.means,
        "importances": {
            figure: [asdict(found) for found in each] for figure, each in importances(study, figures).items()
        },
        "rule": rule(outcome, plan.sweep) + near_ends(outcome, plan.space),
        "commands": commands(outcome, store, plan),
        "seconds": sum(row.seconds or 0.0 for row in outcome.trials),
        "saved": saved(outcome, study.user_attrs.get(BASE_COST, {})),
        "versions": versions(),
    }
    summary = json.loads(json.dumps(finite(summary)))
    reopen_run(store)
    store.overwrite(SUMMARY, sealed(summary))
    store.overwrite(PAGE, write_sweep_report(story_of(summary)))
    finish_run(store)
    return outcome, table_text(outcome, summary), store.uri(PAGE)


def rewrite_sweep_report(address: str) -> str:
    """Write the page of a sweep again from its summary, and return the page's address.

    Raises:
        errors.BadSetting: it has no summary, because it was stopped.
        errors.DamagedFile: its summary is not what was stored.
    """
    store = vouched(open_store(address))
    summary = {"title": store.uri().rpartition("/")[2], **read_summary(store)}
    rewrite(store, {PAGE: write_sweep_report(story_of(summary))})
    return store.uri(PAGE)


def rule(outcome: Outcome, sweep: SweepConfig) -> str:
    """Why the best is the best, in a sentence, and another for each finalist that was left out."""
    first, *others = (name.replace("-", " ") for name in sweep.objectives)
    spared = f", of those no worse than the default in {' and '.join(others)}" if others else ""
    if others and not any(row.number == 0 for row in outcome.done):
        spared = ", whatever it costs otherwise, for there are no figures of the default"
    failed = "".join(
        f" Trial {number} is left out, because it failed on seed {seed}: {why.splitlines()[0]}"
        for number, found in outcome.failed_repeats.items()
        for seed, why in found.items()
        if number != 0
    )
    seeds = len(outcome.deciding_seeds)
    if seeds:
        over = f"over {seeds} other seed{'s' if seeds > 1 else ''}"
        return f"The finalist with the greatest mean gain in the {first} {over}{spared}.{failed}"
    return f"The trial with the greatest gain in the {first}{spared}.{failed}"


def near_ends(outcome: Outcome, space: SearchSpace) -> str:
    """A sentence about the best settings that lie at an end of what was searched; nothing where there are none."""
    settings = outcome.best.settings if outcome.best else {}
    parts = {name: part for name, part in space.items() if isinstance(part, Range) and name in settings}
    found = [f"{name} ({settings[name]:g})" for name, part in parts.items() if part.is_near_end(settings[name])]
    if not found:
        return ""
    lies = "lies at an end" if len(found) == 1 else "lie at ends"
    return f" {', '.join(found)} {lies} of what was searched: a wider space may hold better settings."


def commands(outcome: Outcome, store: Store, plan: SweepPlan) -> dict[str, str]:
    """What to do next, each with the line to paste."""
    if outcome.best is None:
        return {}
    options = as_options(with_point(plan.config, outcome.best.settings), find_recipe(plan.recipe))
    address = shlex.quote(address_from_here(store))
    return {
        "run the best settings at full length": f"share-dist share --from-sweep {address}",
        "the same, spelt out": f"share-dist share {plan.recipe} {options}".rstrip(),
    }


def address_from_here(store: Store) -> str:
    """A sweep's address as one would type it: below the working folder without what leads there."""
    uri, here = store.uri(), Path.cwd()
    return str(Path(uri).relative_to(here)) if Path(uri).is_relative_to(here) else uri


def saved(outcome: Outcome, base_cost: Mapping[str, float]) -> dict[str, float]:
    """Seconds that trials did not spend because they shared what is equal, by this sweep's own measure.

    `base_cost` says how many `views` of the base model were surveyed for all trials, and in how many `seconds`.

    The base model was surveyed once for all of them, and its survey drew the pictures that the surveys of all others
    found again.
    """
    if not base_cost.get("views"):
        return {}
    each = base_cost["seconds"] / base_cost["views"]
    ran = [row.rounds[-1] for row in outcome.trials if row.rounds]
    views, spent = (sum(last.get(name, 0) for last in ran) for name in ("surveyed", "survey_seconds"))
    return {
        "base_survey_seconds": max(len(ran) - 1, 0) * base_cost["seconds"],
        "pictures_seconds": views * each - spent,
        "pictures_views": views,
    }


def story_of(summary: Mapping[str, Any]) -> SweepStory:
    """Read what the page tells from a sweep's summary."""
    words = {figure: name.replace("-", " ") for name, figure in FIGURES.items()}
    best = summary.get("best") or {}
    return SweepStory(
        title=summary.get("title", ""),
        recipe=summary.get("recipe", NOT_KEPT),
        figures={figure: words.get(figure, figure) for figure in summary.get("objectives") or FIGURES.values()},
        space={name: limits_in_words(part) for name, part in summary.get("space", {}).items()},
        defaults=summary.get("defaults", {}),
        trials=[_trial(row) for row in summary["trials"]],
        front=summary.get("front", ()),
        best=best.get("number"),
        rule=summary.get("rule") or f"Why it is the best was {NOT_KEPT}.",
        importances={
            figure: [_importance(found) for found in each] for figure, each in summary.get("importances", {}).items()
        },
        repeats=[
            Repeat(number=int(number), gains={int(seed): gains for seed, gains in found.items()})
            for number, found in summary.get("repeats", {}).items()
        ],
        deciding_seeds=summary.get("deciding_seeds", ()),
        means={int(number): gains for number, gains in summary.get("means", {}).items()},
        commands=summary.get("commands", {}),
        facts=facts(summary),
    )


def _importance(found: Mapping[str, Any]) -> Importance:
    """One row; an earlier version may lack an interval."""
    low, high = (found.get(name, math.nan) for name in ("low", "high"))
    return Importance(setting=found["setting"], mean=found["mean"], low=low, high=high)


def _trial(row: Mapping[str, Any]) -> SweepTrial:
    rounds = row.get("rounds") or ()
    seconds = rounds[-1].get("trial_seconds") if rounds else None
    return SweepTrial(
        number=row["number"],
        fate=row.get("fate", NOT_KEPT),
        settings=row.get("settings", {}),
        gains=row.get("gains", {}),
        rounds=rounds,
        reason=row.get("reason"),
        minutes=seconds / 60 if seconds is not None else None,
    )


def limits_in_words(part: Mapping[str, Any]) -> str:
    """A setting's limits as people read them: `0.3 to 3, log`."""
    if "options" in part:
        limits = " or ".join(json.dumps(option).strip('"') for option in part["options"])
    else:
        limits = f"{part['low']:g} to {part['high']:g}{', log' if part.get('log') else ''}"
    when = ", ".join(f"{name} is {value}" for name, value in part.get("when", {}).items())
    return f"{limits}, when {when}" if when else limits


def facts(summary: Mapping[str, Any]) -> dict[str, str]:
    """What else is worth knowing of a sweep, in words."""
    seconds = summary.get("seconds")
    found = {"time in trials": NOT_KEPT if seconds is None else minutes(seconds)}
    shared = summary.get("saved")
    if shared:
        found["saved by sharing"] = saved_in_words(shared)
    return found | {f"version of {name}": version for name, version in summary.get("versions", {}).items()}


def saved_in_words(shared: Mapping[str, float]) -> str:
    """What trials did not do twice: `3 min 5 s: …`."""
    total = shared["base_survey_seconds"] + shared["pictures_seconds"]
    return (
        f"{_time(total)}: the base model's survey {_time(shared['base_survey_seconds'])}, and pictures of "
        f"{int(shared['pictures_views']):,} surveyed views {_time(shared['pictures_seconds'])}"
    )


def _time(seconds: float) -> str:
    return minutes(seconds) if seconds >= 60 else f"{seconds:.0f} s"


def table_text(outcome: Outcome, summary: Mapping[str, Any]) -> str:
    """The end of a sweep in a terminal: the best trials, how sure that is, and what to do next."""
    counts = ", ".join(f"{count} {word}" for word, count in outcome.fates.items())
    lines = [f"{len(outcome.trials)} trials: {counts}", ""]
    ranked = outcome.ranking[:5]
    named = {row.number: row for row in (*ranked, *([outcome.default] if outcome.default else []))}
    for row in named.values():
        mark = "best" if outcome.best and row.number == outcome.best.number else ""
        mark = mark or ("default" if row.number == 0 else "")
        lines.append(f"  trial {row.number:<4} {mark:8} {gains_in_words(row.gains)}")
    lines += ["", summary["rule"]]
    if summary["saved"]:
        lines.append(f"Saved by sharing: {saved_in_words(summary['saved'])}.")
    for what, line in summary["commands"].items():
        lines += ["", f"{what}:", f"  {line}"]
    return "\n".join(lines)
