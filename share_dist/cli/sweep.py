"""The options of `sweep`, apart from the others because its room takes long to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from share_dist import errors
from share_dist.cli.options import RunOptions, read_options
from share_dist.recipes import SPACES, SearchSpace, find_space
from share_dist.sweep.config import SweepConfig


@dataclass(frozen=True)
class SweepOptions(RunOptions):
    """Options of `sweep`."""

    sweep: Annotated[SweepConfig, tyro.conf.arg(name="")] = SweepConfig()


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
