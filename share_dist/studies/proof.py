"""The long evidence: repairs over seeds, the rivals, the full recipe, the benches; written under results/.

    python -m share_dist.studies.proof                 all of it, some hours on two cores
    python -m share_dist.studies.proof demo benches    only these parts: demo, rivals, full, benches

Runs lie under runs/proof and go on where they were stopped; results/ holds what is committed: each run's summary and
picture, each bench's figures, and one table of the repairs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

RUNS, RESULTS = Path("runs/proof"), Path("results")
SEEDS = (0, 1, 2)
RIVALS = ("uniform", "greedy", "everyday")
BENCH_NAMES = ("render", "survey", "train", "memory")
FIGURES = ("mpjpe_mm", "pa_mpjpe_mm", "worst_tenth_fixed_mpjpe_mm", "worst_tenth_own_mpjpe_mm")


def share(recipe: str, name: str, seed: int, *options: str) -> None:
    """Run one repair and keep its summary and picture; a failed repair is a result too."""
    out = RUNS / name
    command = ["share", recipe, "--out", str(out), "--seed", str(seed), *options]
    subprocess.run([sys.executable, "-m", "share_dist.cli", *command], check=False)
    if not (out / "summary.json").exists():
        raise SystemExit(f"{out} has no summary.json; run the proof again to go on")
    kept = RESULTS / "repairs" / name
    kept.mkdir(parents=True, exist_ok=True)
    summary = json.loads((out / "summary.json").read_text())
    summary["command"] = "share-dist " + " ".join(["share", recipe, "--seed", str(seed), *options])
    (kept / "summary.json").write_text(json.dumps(summary, indent=1))
    shutil.copy(out / "report/before-after.png", kept / "before-after.png")


def demo() -> None:
    """Run the demo recipe on every seed."""
    for seed in SEEDS:
        share("demo", f"demo-seed-{seed}", seed)


def rivals() -> None:
    """Run the demo recipe with each rival in RoME's place: the same views rendered, the same steps."""
    for method in RIVALS:
        for seed in SEEDS:
            share("demo", f"demo-{method}-seed-{seed}", seed, "--rome.method", method)


def full() -> None:
    """Run the full recipe."""
    share("full", "full-seed-0", 0)


def benches() -> None:
    """Run every bench, alone on the machine."""
    folder = RESULTS / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for name in BENCH_NAMES:
        command = [sys.executable, "-m", "share_dist.cli", "bench", name, "--json", str(folder / f"{name}.json")]
        subprocess.run(command, check=True)


def table() -> str:
    """Lay every kept repair out as a row of a Markdown table, judge views only."""
    head = "| run | " + " | ".join(f"all_cameras {figure}" for figure in FIGURES) + " | everyday mpjpe_mm | minutes |"
    lines = [head, "|---" * (len(FIGURES) + 3) + "|"]
    for path in sorted((RESULTS / "repairs").glob("*/summary.json")):
        summary = json.loads(path.read_text())
        cells = [change(summary, "all_cameras", figure) for figure in FIGURES]
        minutes = sum(summary["seconds"].values()) / 60
        lines.append(
            f"| {path.parent.name} | {' | '.join(cells)} | {change(summary, 'everyday', 'mpjpe_mm')} | {minutes:.1f} |"
        )
    return "\n".join(lines) + "\n"


def change(summary: dict[str, Any], distribution: str, figure: str) -> str:
    """Write a figure before and after, and by how much it fell or rose."""
    before, after = (summary[when][distribution][figure] for when in ("before", "after"))
    return f"{before:.1f} → {after:.1f} ({100 * (after / before - 1):+.1f} %)"


PARTS = {"demo": demo, "rivals": rivals, "full": full, "benches": benches}


def main(names: list[str]) -> None:
    """Run the named parts, all by default, and write the table."""
    for name in names or list(PARTS):
        PARTS[name]()
    RESULTS.mkdir(exist_ok=True)
    text = "# Repairs\n\nJudge views, before → after; made by `make proof` (`python -m share_dist.studies.proof`).\n\n"
    (RESULTS / "repairs.md").write_text(text + table())
    print(f"Look at {RESULTS / 'repairs.md'}")


if __name__ == "__main__":
    main(sys.argv[1:])
