"""The cluster's part of the proof: every number of ranks and ZeRO stage, and chaos over seeds; kept in results/."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from share_dist.storage import write_whole
from share_dist.studies.cluster_work import BATCH
from share_dist.studies.worlds import whole_grid, worlds_table

CHAOS_SEEDS = range(1, 21)
BROKEN = 1
"""What `share-dist chaos` ends with when a promise was broken; that is a result too."""


def prove_worlds(results: Path) -> None:
    """Train at one to three ranks and all ZeRO stages, and while nodes come and go; write results/worlds.md, .json."""
    grid, moving = whole_grid()
    results.mkdir(exist_ok=True)
    write_whole(results / "worlds.json", json.dumps([asdict(world) for world in [*grid, *moving]], indent=1) + "\n")
    write_whole(
        results / "worlds.md",
        "# Ranks and ZeRO stages\n\n"
        f"Twenty steps of fine-tuning the built-in model, batch {BATCH}, float32, frozen batch norm, each rank on a "
        "node of its own made of namespaces, checkpoints in a bucket; differences are from one rank at stage 0. The "
        "last rows take 200 steps while a node is drained, comes back and is killed "
        "(`python -m share_dist.studies.proof worlds`).\n\n"
        f"{worlds_table(grid, moving)}\n",
    )


def prove_chaos(results: Path, seeds: Sequence[int] = CHAOS_SEEDS) -> None:
    """Run every schedule that has no result yet, and write the table of all.

    Raises:
        SystemExit: a run ended neither well nor with a broken promise.
    """
    for seed in seeds:
        kept = results / f"chaos/seed-{seed:02d}.json"
        if kept.exists() and kept.stat().st_size:
            continue
        command = [sys.executable, "-m", "share_dist.cli", "chaos", "--seed", str(seed), "--json", str(kept)]
        status = subprocess.run(command, check=False).returncode
        if status not in (0, BROKEN):
            raise SystemExit(f"share-dist chaos --seed {seed} ended with status {status}; run the proof again.")
        write_chaos_table(results)


def write_chaos_table(results: Path) -> None:
    """Write results/chaos/table.md from the seeds that are kept."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted((results / "chaos").glob("seed-*.json"))]
    write_whole(
        results / "chaos/table.md",
        "# Chaos\n\n"
        "`share-dist chaos --seed N`: survey (1,024 views) → train (30 steps, a checkpoint every 5) → survey, on three "
        "worker nodes of one core each and a bucket, while what the schedule names strikes. Each line is the audit of "
        "what was stored; recovery is the time from the strike to the next commit, the strike's own length included "
        "(`python -m share_dist.studies.proof chaos`).\n\n"
        f"{chaos_table(found)}\n",
    )


def chaos_table(found: Sequence[dict[str, Any]]) -> str:
    """Lay chaos runs out as Markdown, a line each."""
    lines = [
        "| seed | faults | rows lost / doubled / different | steps repeated | longest recovery | drivers | promise |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in found:
        faults = ", ".join(fault["kind"] for fault in run["faults"] if fault["struck"])
        rows = f"{run['rows_lost']} / {run['rows_doubled']} / {run['rows_different']}"
        repeated = ", ".join(map(str, run["steps_repeated"])) or "0"
        verdict = "; ".join(run["failures"]) or "kept"
        longest = f"{max(run['recovery_seconds']):.0f} s"
        lines.append(f"| {run['seed']} | {faults} | {rows} | {repeated} | {longest} | {run['drivers']} | {verdict} |")
    return "\n".join(lines)
