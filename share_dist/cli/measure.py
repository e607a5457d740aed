"""Commands that measure and prove: bench, chaos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from share_dist import errors
from share_dist.cli.line import read_line
from share_dist.cli.say import say


@dataclass(frozen=True)
class BenchOptions:
    """Options of `bench`."""

    json: Path | None = None
    """File for every figure measured; the one printed last is its `ratio`."""


def bench(words: list[str]) -> int:
    """Measure one ratio: render, survey, train, memory, cluster, sweep, or gpu where there is one."""
    from share_dist.studies import BENCHES, run_bench

    if not words or words[0] in ("-h", "--help"):
        say("usage: share-dist bench NAME [--json FILE]\n")
        say("\n".join(f"  {name:8} {(run.__doc__ or '').splitlines()[0]}" for name, run in BENCHES.items()))
        return 0 if words else 2
    if words[0] not in BENCHES:
        raise errors.BadSetting(f"there is no bench '{words[0]}'{errors.nearest_name(words[0], BENCHES)}")
    options = read_line(BenchOptions, words[1:], prog=f"share-dist bench {words[0]}")
    run_bench(words[0], options.json)
    return 0


@dataclass(frozen=True)
class ChaosOptions:
    """Options of `chaos`."""

    seed: int = 0
    """Which schedule of faults; the same seed draws the same."""

    json: Path | None = None
    """File for the faults, how long each recovery took, and what the audit found."""


def chaos(words: list[str]) -> int:
    """Kill, cut off and spoil a small run on namespace nodes of this machine, and audit what it stored. Needs root."""
    from share_dist.studies.benches import keeping
    from share_dist.studies.chaos import report, run_chaos

    options = read_line(ChaosOptions, words, prog="share-dist chaos", description=chaos.__doc__)
    with keeping(options.json) as figures:
        figures |= {"command": f"share-dist chaos --seed {options.seed}", **run_chaos(options.seed)}
    say(report(figures))
    return 1 if figures["failures"] else 0
