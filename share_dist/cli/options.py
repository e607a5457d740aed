"""The options of commands that work on a recipe, and how they are read from a line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

import tyro

from share_dist import errors
from share_dist.cli.line import read_line
from share_dist.config import RunConfig
from share_dist.recipes import RECIPES, find_recipe


@dataclass(frozen=True)
class RunOptions:
    """Options of a command that works on a recipe."""

    out: str
    """Folder of the run, or s3://bucket/folder. The same command with the same place goes on where it stopped."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]


@dataclass(frozen=True)
class ShareOptions(RunOptions):
    """Options of `share`."""

    from_sweep: str | None = None
    """Begin with the best settings that a sweep found: its folder's name under runs/, or any folder or bucket. What the
    sweep was given, such as a model, goes along; the options beside this one change the rest."""


@dataclass(frozen=True)
class RenderOptions(RunOptions):
    """Options of `render`."""

    count: int = 256
    """How many views to keep, from number 0 on."""

    cameras: Literal["all_cameras", "everyday", "full_sphere", "close_up"] = "all_cameras"
    """From where the views are taken."""

    split: Literal["train", "steer", "judge"] = "train"
    """Whose people; judge is for before-and-after figures only."""


Options = TypeVar("Options", bound=RunOptions)


def read_options(
    kind: type[Options],
    command: str,
    words: list[str],
    description: str | None = None,
    folder: str | None = None,
    config: RunConfig | None = None,
) -> Options:
    """Read RECIPE and options; an unknown option ends the program naming the nearest known one.

    Args:
        kind: which options.
        command: the command's name, for its help and its default folder.
        words: the rest of the line.
        description: what the help says of the command; its first line counts.
        folder: the default folder under runs/, if it is not named after the recipe.
        config: what the options change, if it is not the recipe as it is.

    Raises:
        errors.BadSetting: the recipe is missing or unknown.
    """
    if not words or words[0].startswith("-"):
        if words and words[0] in ("-h", "--help"):
            words = ["demo", *words]
        else:
            raise errors.BadSetting(f"`share-dist {command}` needs a recipe first: {', '.join(RECIPES)}.")
    recipe = words[0]
    folder = folder or (recipe if command in ("share", "train") else f"{recipe}-{command}")
    options = read_line(
        kind,
        words[1:],
        prog=f"share-dist {command} {recipe}",
        default=kind(out=f"runs/{folder}", config=config or find_recipe(recipe)),
        description=(description or "").partition("\n")[0],
    )
    return replace(options, out=options.out.rstrip("/") or "/")


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
