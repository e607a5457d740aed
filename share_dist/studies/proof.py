"""The long evidence: repairs over seeds, rivals, the full recipe, what a round costs, benches, a sweep, nodes, chaos.

    python -m share_dist.studies.proof                 all of it, some hours on two cores
    python -m share_dist.studies.proof demo benches    only these parts: demo, rivals, full, forgetting, benches,
                                                        sweep, worlds, chaos (the last two as root)

Runs lie under runs/proof and go on where they were stopped; results/ holds what is committed: each run's summary and
picture, each bench's figures, and the tables of the repairs.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from share_dist.errors import BadSetting, RepairFailed, ShareDistError, nearest_name
from share_dist.storage import open_store, read_sealed, write_whole
from share_dist.studies import forgetting
from share_dist.studies.benches import BENCHES
from share_dist.studies.proof_cluster import prove_chaos, prove_worlds
from share_dist.studies.proof_tables import changes_table, runs_table
from share_dist.studies.sweep_proof import prove_sweep

RUNS, RESULTS = Path("runs/proof"), Path("results")
SEEDS = (0, 1, 2)
RIVALS = ("uniform", "greedy", "everyday")


@dataclass(frozen=True)
class Repair:
    """One repair of the proof."""

    method: str
    """What its figures are averaged with: other seeds of the same method."""

    recipe: str
    seed: int
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its folder under runs/proof and results/repairs."""
        return f"{self.method}-seed-{self.seed}"

    @property
    def words(self) -> list[str]:
        """The command but for --out, which does not change what it computes."""
        return ["share", self.recipe, "--seed", str(self.seed), *self.options]


REPAIRS: dict[str, list[Repair]] = {
    "demo": [Repair("demo", "demo", seed) for seed in SEEDS],
    # The same views rendered and the same steps as the demo, with a rival in RoME's place; all of them at one seed
    # before the next, so that a proof that is stopped has compared equals.
    "rivals": [Repair(f"demo-{rival}", "demo", seed, ("--rome.method", rival)) for seed in SEEDS for rival in RIVALS],
    "full": [Repair("full", "full", 0)],
}
PARTS = (*REPAIRS, "forgetting", "benches", "sweep", "worlds", "chaos")


def share(repair: Repair) -> None:
    """Run one repair and keep its summary and picture; a failed repair is a result too.

    Raises:
        SystemExit: the command ended in any other way, so that what lies in its folder is not its result.
    """
    out = RUNS / repair.name
    command = [sys.executable, "-m", "share_dist.cli", *repair.words, "--out", str(out)]
    status = subprocess.run(command, check=False).returncode
    if status not in (0, RepairFailed.exit_status):
        raise SystemExit(
            f"share-dist {' '.join(repair.words)} --out {out} ended with status {status}; nothing of it was kept.\n"
            "  Put right what it says above and run the proof again: it goes on from there."
        )
    keep(repair, out)


def keep(repair: Repair, out: Path) -> None:
    """Copy a finished repair's summary, with its command, and its picture to results/."""
    kept = RESULTS / "repairs" / repair.name
    kept.mkdir(parents=True, exist_ok=True)
    summary = read_sealed(open_store(out), "summary.json")
    summary["command"] = "share-dist " + " ".join(repair.words)
    write_whole(kept / "summary.json", json.dumps(summary, indent=1))
    write_whole(kept / "before-after.png", (out / "report/before-after.png").read_bytes())


def benches() -> None:
    """Run every bench, alone on the machine; the GPU's where there is one."""
    for name in BENCHES:
        # Apart, because a GPU's figures come from another machine than the rest.
        kept = RESULTS / ("gpu" if name == "gpu" else "bench") / f"{name}.json"
        if name == "gpu" and not torch.cuda.is_available():
            print("bench gpu is left out: PyTorch finds no GPU here")
            continue
        subprocess.run([sys.executable, "-m", "share_dist.cli", "bench", name, "--json", str(kept)], check=True)


def kept_summaries() -> dict[str, dict[str, dict[str, Any]]]:
    """The kept summaries by method and run, in the order of the proof; runs that are still to come are left out."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for repair in (repair for part in REPAIRS.values() for repair in part):
        path = RESULTS / "repairs" / repair.name / "summary.json"
        if path.exists():
            found.setdefault(repair.method, {})[repair.name] = json.loads(path.read_text("utf-8"))
    return found


def write_tables() -> Path:
    """Write results/repairs.md from what is kept, and return its path."""
    found = kept_summaries()
    runs = {name: summary for by_run in found.values() for name, summary in by_run.items()}
    methods = {method: list(by_run.values()) for method, by_run in found.items()}
    path = RESULTS / "repairs.md"
    path.parent.mkdir(exist_ok=True)
    write_whole(
        path,
        "# Repairs\n\n"
        "Judge views, before → after: each run by the command that its summary.json names, the tables by `make proof` "
        "(`python -m share_dist.studies.proof`).\n\n"
        f"{runs_table(runs)}\n"
        "Relative change, mean over seeds with its 95 % interval (Student's t over seeds). `demo` is RoME; the others "
        "are rivals in its place, and `full` is RoME at length.\n\n"
        f"{changes_table(methods)}",
    )
    return path


def main(names: Sequence[str]) -> None:
    """Run the named parts, all by default, and write the tables.

    Raises:
        errors.BadSetting: there is no such part; nothing was run.
    """
    for name in names:
        if name not in PARTS:
            raise BadSetting(f"the proof has no part '{name}'{nearest_name(name, PARTS)}")
    for name in names or PARTS:
        if name == "forgetting":
            forgetting.write(RUNS / "forgetting", RESULTS)
        if name == "benches":
            benches()
        if name == "sweep":
            prove_sweep(RUNS, RESULTS)
        if name == "worlds":
            prove_worlds(RESULTS)
        if name == "chaos":
            prove_chaos(RESULTS)
        for repair in REPAIRS.get(name, ()):
            share(repair)
    print(f"Look at {write_tables()}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        main(sys.argv[1:])
    except ShareDistError as error:
        sys.exit(str(error))
