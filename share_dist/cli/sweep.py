"""The command that searches settings: sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from share_dist import errors
from share_dist.cli.options import RunOptions, read_options
from share_dist.recipes import SPACES, find_space
from share_dist.sweep.config import SweepConfig


@dataclass(frozen=True)
class SweepOptions(RunOptions):
    """Options of `sweep`."""

    sweep: Annotated[SweepConfig, tyro.conf.arg(name="")] = SweepConfig()


def sweep(words: list[str]) -> int:
    """Search RoME settings and loss weights by short runs: which repair this model best, and how sure that is."""
    if words and words[0] in ("-h", "--help"):
        words = [next(iter(SPACES)), *words]
    if not words or words[0].startswith("-"):
        raise errors.BadSetting(
            f"`share-dist sweep` needs a search space first: {', '.join(SPACES)}, or a .json file; then, if it is not "
            "demo, a recipe."
        )
    space, *rest = words
    recipe = rest.pop(0) if rest and not rest[0].startswith("-") else "demo"
    found = find_space(space)
    options = read_options(SweepOptions, "sweep", [recipe, *rest], sweep.__doc__, folder=f"sweep-{name_of(space)}")

    from share_dist.sweep import SweepPlan, run_sweep

    result = run_sweep(SweepPlan(found, recipe, options.config, options.sweep), options.out)
    print(result.table)
    print(f"\nLook at the page: {result.report_uri}")
    return 0


def name_of(space: str) -> str:
    """How a space is called in the name of a folder."""
    return space.rpartition("/")[2].removesuffix(".json")
