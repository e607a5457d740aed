"""The command that searches settings: sweep."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Annotated

import tyro

from share_dist import errors
from share_dist.cli.options import RunOptions, ShareOptions, read_options
from share_dist.recipes import SPACES, SearchSpace, find_space
from share_dist.sweep.config import SweepConfig


@dataclass(frozen=True)
class SweepOptions(RunOptions):
    """Options of `sweep`."""

    sweep: Annotated[SweepConfig, tyro.conf.arg(name="")] = SweepConfig()


def sweep(words: list[str]) -> int:
    """Search RoME settings and loss weights by short runs: which repair this model best, and how sure that is."""
    space, recipe, options = read_sweep_options(words, sweep.__doc__)

    from share_dist.sweep import SweepPlan, run_sweep

    result = run_sweep(SweepPlan(space, recipe, options.config, options.sweep), options.out)
    print(result.table)
    print(f"\nLook at the page: {result.report_uri}")
    return 0


def read_sweep_options(words: list[str], description: str | None) -> tuple[SearchSpace, str, SweepOptions]:
    """Read the space, the recipe if it is named, and the options of `sweep`."""
    if words and words[0] in ("-h", "--help"):
        words = [next(iter(SPACES)), *words]
    if not words or words[0].startswith("-"):
        raise errors.BadSetting(
            f"`share-dist sweep` needs a search space first: {', '.join(SPACES)}, or a .json file; then, if it is not "
            "demo, a recipe."
        )
    space, *rest = words
    recipe = rest.pop(0) if rest and not rest[0].startswith("-") else "demo"
    folder = f"sweep-{space.rpartition('/')[2].removesuffix('.json')}"
    found = find_space(space)
    return found, recipe, read_options(SweepOptions, f"sweep {space}", [recipe, *rest], description, folder)


def read_share_options(words: list[str], description: str | None) -> ShareOptions:
    """Read the options of `share`; with the best settings of a sweep the recipe may be left out."""
    finder = argparse.ArgumentParser(prog="share-dist share", add_help=False, allow_abbrev=False)
    finder.add_argument("--from-sweep")
    name = finder.parse_known_args(words)[0].from_sweep
    if name is None:
        return read_options(ShareOptions, "share", words, description)
    from share_dist.sweep import best_recipe

    named = words[:1] if not words[0].startswith("-") else []
    recipe, config = best_recipe(name, *named)
    folder = f"{recipe}-{name.rstrip('/').rpartition('/')[2]}"
    return read_options(ShareOptions, "share", [recipe, *words[len(named) :]], description, folder, config)
