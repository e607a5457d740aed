"""`bench sweep`: what a trial costs beside the same run alone, what passes between two, what a kill and sharing do.

Ten trials of a small recipe, the driver killed after the fourth and started again, then the same trials one by one in
this process, without Tune, study or driver. Both find base survey and pictures made, so that only machinery differs.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import ray

from share_dist.config import RunConfig, with_settings
from share_dist.fleet import cluster_nodes, connect
from share_dist.loop.start import checked_model, settled
from share_dist.models import read_card
from share_dist.recipes import find_recipe
from share_dist.storage import CONFIG, FolderStore, inside
from share_dist.sweep.room import room_for_trials, share_of_room
from share_dist.sweep.trial import SHARED, Point, TrialTask, shortened, trial_rounds
from share_dist.training import checkpoints
from share_dist.training.progress import METRICS

LIMIT = 1.05
TRIALS, KILLED_AFTER = 10, 4
LENGTH = 1.0
SMALL = {
    "survey.steer_views": 1024,
    "share.rounds": 1,
    "share.attempts": 1,
    "learning.fresh_views": 2048,
    "learning.checkpoint_every": 10_000,
}
"""The demo with two thousand views, in one round."""


def run() -> dict[str, Any]:
    """Sweep, kill, sweep on, and run the same trials alone.

    Returns:
        The figures; `ratio` is a trial's wall time in the sweep over that of the same run alone.
    """
    with tempfile.TemporaryDirectory(prefix="share_dist-bench-") as folder:
        out = Path(folder, "sweep")
        lost = _sweep_with_a_kill(out)
        trials = json.loads((out / "summary.json").read_text("utf-8"))
        in_sweep, gaps = _times(out, trials["trials"])
        alone = _alone(out, [row["settings"] for row in trials["trials"][KILLED_AFTER + 1 :]], Path(folder, "alone"))
    figures = {
        "trials": TRIALS,
        "in_sweep_seconds": in_sweep,
        "alone_seconds": alone,
        "to_next_first_step_seconds": gaps,
        "trials_lost_at_kill": lost,
        "saved_seconds": trials["saved"],
        "limit": LIMIT,
        "ratio": median(in_sweep) / median(alone),
    }
    print(f"a trial in the sweep {median(in_sweep):6.1f} s, alone {median(alone):6.1f} s (medians of {len(alone)})")
    print(f"from a trial's end to the next one's first step {median(gaps):.1f} s")
    print(f"finished trials lost when the driver was killed: {lost}")
    print(f"saved by sharing: {sum(value for name, value in trials['saved'].items() if 'seconds' in name):.1f} s")
    return figures


def _command(out: Path) -> list[str]:
    options = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = ["sweep", "rome", "demo", "--out", str(out), "--trials", str(TRIALS), "--length", str(LENGTH)]
    return [sys.executable, "-m", "share_dist.cli", *words, "--finalists", "0", *options]


def _sweep_with_a_kill(out: Path) -> int:
    """Run the sweep, its driver killed while a trial trains; return how many finished trials were made again."""
    driver = subprocess.Popen(_command(out))
    while not (out / f"trials/{KILLED_AFTER:04d}/round-00/training").exists():
        if driver.poll() is not None:
            raise RuntimeError(f"the sweep ended with status {driver.returncode} before it could be killed")
        time.sleep(0.1)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = _models(out)
    subprocess.run(_command(out), check=True)
    after = _models(out)
    return sum(after.get(path) != stamp for path, stamp in before.items())


def _models(out: Path) -> dict[Path, int]:
    found = out.glob(f"trials/*/round-00/training/{checkpoints.MODEL}")
    return {path: path.stat().st_mtime_ns for path in found}


def _times(out: Path, trials: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Wall time of each trial after the killed one, from one's end to the next one's, and how soon each learned."""
    folders = [out / f"trials/{row['number']:04d}" for row in trials]
    ends = [(folder / "seconds.json").stat().st_mtime for folder in folders]
    late = range(KILLED_AFTER + 1, len(trials))
    return [ends[n] - ends[n - 1] for n in late], [_first_step(folders[n]) - ends[n - 1] for n in late]


def _first_step(trial: Path) -> float:
    """When a trial's first step was done: so long before its network was stored as the other steps took."""
    training = trial / "round-00/training"
    steps = [json.loads(line) for line in (training / METRICS).read_text("utf-8").splitlines()]
    return (training / checkpoints.MODEL).stat().st_mtime - sum(step["seconds"] for step in steps[1:])


def _alone(out: Path, settings: list[dict[str, Any]], folder: Path) -> list[float]:
    """Seconds of each of the same trials in this process, beside nothing, with what the sweep shared found made."""
    config = with_settings(find_recipe("demo"), SMALL)
    base = checked_model(config)
    store = FolderStore(folder)
    store.write_once(CONFIG, b"{}")
    _give_what_all_share(out / SHARED, folder / SHARED, base)
    started_here = connect(config.fleet)
    try:
        task = TrialTask(_as_in_a_sweep(config, store), base, store)
        return [_seconds_of(Point(number, chosen), task) for number, chosen in enumerate(settings)]
    finally:
        if started_here:
            ray.shutdown()


def _give_what_all_share(swept: Path, alone: Path, base: bytes) -> None:
    """Copy base survey and pictures, and no survey of a trial's model.

    The same trial alone ends with the same weights to the bit, whose surveys it would find made.
    """
    shutil.copytree(swept, alone)
    of_base = read_card(base)["model_hash"]
    for meta in alone.glob("surveys/*/meta.json"):
        if json.loads(meta.read_text("utf-8"))["model_hash"] != of_base:
            shutil.rmtree(meta.parent)


def _seconds_of(point: Point, task: TrialTask) -> float:
    started = time.monotonic()
    for _ in trial_rounds(point, task):
        pass
    return time.monotonic() - started


def _as_in_a_sweep(config: RunConfig, store: FolderStore) -> RunConfig:
    nodes = cluster_nodes()
    share = share_of_room(config, room_for_trials(config, nodes), nodes)
    return settled(shortened(share, LENGTH), inside(store, "machine"))
