"""Does the sweep pay? One sweep of the demo, then its best and the default settings on seeds that were never swept.

The settings are chosen on steer views of the sweep's own seeds. Judge views are looked at once, here, after everything
was decided: each of the ten runs at the demo's full length, before and after. The sweep pays where the best settings
gain more than the default in both worst tenths and cost everyday views no more, in the mean over the seeds.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from share_dist.errors import RepairFailed
from share_dist.recipes import find_recipe
from share_dist.storage import open_store, read_sealed, write_whole
from share_dist.studies.proof_tables import FIGURES, change, change_text, interval_text, markdown, titles
from share_dist.sweep.recipe import as_options
from share_dist.sweep.trial import with_point

SWEEP = ("all", "demo", "--seed", "2000")
SEEDS = (10, 11, 12, 13, 14)
"""None of them was swept, and none is among the demo's published ones."""

Summary = Mapping[str, Any]


def prove_sweep(runs: Path, results: Path) -> None:
    """Sweep, run the best and the default settings on every seed, and keep summary, study, page and table."""
    swept, kept = runs / "sweep-all", results / "sweep"
    _run("sweep", *SWEEP, "--out", str(swept))
    found = read_sealed(open_store(swept), "summary.json")
    settings = {"best": found["best"]["settings"], "default": found["trials"][0]["settings"]}
    judged = {
        name: {str(seed): _judged(chosen, found["recipe"], seed, runs / f"sweep-{name}-seed-{seed}") for seed in SEEDS}
        for name, chosen in settings.items()
    }
    kept.mkdir(parents=True, exist_ok=True)
    for file in ("study.journal", "config.json", "report/index.html"):
        write_whole(kept / Path(file).name, (swept / file).read_bytes())
    write_whole(kept / "sweep.json", json.dumps(found, indent=1))
    summary = {
        "command": f"share-dist sweep {shlex.join(SWEEP)}",
        "trials": len(found["trials"]),
        "fates": Counter(row["fate"] for row in found["trials"]),
        "trial_minutes": [trial_minutes(row) for row in found["trials"] if row["rounds"]],
        "settings": settings,
        "seeds": list(SEEDS),
        **judged,
    }
    write_whole(kept / "summary.json", json.dumps(summary, indent=1))
    write_whole(kept / "table.md", report_text(summary))


def trial_minutes(trial: Mapping[str, Any]) -> float:
    """How long a trial worked."""
    return round(trial["rounds"][-1]["trial_seconds"] / 60, 2)


def _judged(settings: Mapping[str, Any], recipe: str, seed: int, out: Path) -> dict[str, Any]:
    """Run the recipe with these settings at full length; return what was judged before and after."""
    own = find_recipe(recipe)
    options = shlex.split(as_options(with_point(own, settings), own))
    _run("share", recipe, "--seed", str(seed), *options, "--out", str(out), may_fail=True)
    summary = read_sealed(open_store(out), "summary.json")
    command = shlex.join(["share-dist", "share", recipe, "--seed", str(seed), *options])
    return {"command": command, **{name: summary[name] for name in ("before", "after", "rounds", "seconds")}}


def _run(*words: str, may_fail: bool = False) -> None:
    status = subprocess.run([sys.executable, "-m", "share_dist.cli", *words], check=False).returncode
    if status and not (may_fail and status == RepairFailed.exit_status):
        raise SystemExit(f"share-dist {shlex.join(words)} ended with status {status}; run the proof again to go on.")


def report_text(summary: Summary) -> str:
    """Lay out every run, the differences seed by seed, and whether the sweep pays."""
    rows = [
        [f"{name}, seed {seed}", *(change_text(run, *figure) for figure in FIGURES), minutes_text(run)]
        for name in ("default", "best")
        for seed, run in summary[name].items()
    ]
    differences = [["best minus default", *(interval_text(difference(summary, *figure)) for figure in FIGURES)]]
    wanted = "less error in both worst tenths and no more of it on everyday views, in the mean over these seeds"
    return (
        "# The best settings of the sweep, and the default ones\n\n"
        f"Judge views, before → after, on seeds that were never swept. The sweep: `{summary['command']}`, "
        f"{summary['trials']} trials of {median(summary['trial_minutes']):.1f} minutes in the median; each run below "
        "by the command that summary.json names. Minutes are those of the clock, whatever else the machine did.\n\n"
        f"{markdown(['run', *titles(), 'minutes'], rows)}\n"
        "Difference of the relative changes, in points, mean over seeds with its 95 % interval (Student's t, seed by "
        "seed):\n\n"
        f"{markdown(['', *titles()], differences)}\n"
        f"The best settings would become the default with {wanted}: they {'do' if pays(summary) else 'do not'}.\n"
    )


def pays(summary: Summary) -> bool:
    """Whether the best settings gain more in both worst tenths, in the mean, and cost everyday views no more."""
    worst = [figure for figure in FIGURES if "worst_tenth" in figure[1]]
    return all(mean(difference(summary, *figure)) < 0 for figure in worst) and (
        mean(difference(summary, "everyday", "mpjpe_mm")) <= 0
    )


def minutes_text(run: Summary) -> str:
    """How long a run took."""
    return f"{sum(run['seconds'].values()) / 60:.1f}"


def difference(summary: Summary, distribution: str, figure: str) -> Sequence[float]:
    """By how much more a figure rose with the best settings than with the default ones, seed by seed."""
    best, default = (summary[name] for name in ("best", "default"))
    return [change(best[seed], distribution, figure) - change(default[seed], distribution, figure) for seed in best]
