"""What each command does with the rest of its line."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

import tyro

from share_dist import errors
from share_dist.cli import cluster, measure, operate, stored
from share_dist.config import RunConfig
from share_dist.recipes import RECIPES, find_recipe
from share_dist.render import RenderConfig


@dataclass(frozen=True)
class RunOptions:
    """Options of a command that works on a recipe."""

    out: str
    """Folder of the run, or s3://bucket/folder. The same command with the same place goes on where it stopped."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]


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


def read_options(kind: type[Options], command: str, words: list[str]) -> Options:
    """Read RECIPE and options; an unknown option ends the program naming the nearest known one.

    Raises:
        errors.BadSetting: the recipe is missing or unknown.
    """
    if not words or words[0].startswith("-"):
        if words and words[0] in ("-h", "--help"):
            words = ["demo", *words]
        else:
            raise errors.BadSetting(f"`share-dist {command}` needs a recipe first: {', '.join(RECIPES)}.")
    recipe = words[0]
    folder = recipe if command in ("share", "train") else f"{recipe}-{command}"
    options = tyro.cli(
        kind,
        prog=f"share-dist {command} {recipe}",
        args=words[1:],
        default=kind(out=f"runs/{folder}", config=find_recipe(recipe)),
        description=(COMMANDS[command].__doc__ or "").splitlines()[0],
    )
    return replace(options, out=options.out.rstrip("/") or "/")


def share(words: list[str]) -> int:
    """Find where the model fails, repair it there, and report: the main job."""
    from share_dist.loop import run_share

    options = read_options(RunOptions, "share", words)
    result = run_share(options.config, options.out)
    print(result.table)
    print(f"\nThe repaired model is {options.out}/model.safetensors")
    print(f"Look at the page: {result.report_uri}")
    return 0


def survey(words: list[str]) -> int:
    """Measure a model from all cameras and fit its error landscape, without repairing it."""
    from share_dist.loop import run_survey

    options = read_options(RunOptions, "survey", words)
    print(run_survey(options.config, options.out))
    print(f"\nThe rows are Parquet files under {options.out}/survey; repair the model next with")
    print(f"  share-dist share demo{same_model(options.config, options.config.model.checkpoint)} --out runs/repaired")
    return 0


def same_model(config: RunConfig, checkpoint: str | None) -> str:
    """The options by which another command finds this model, its body and the size of its pictures."""
    words = ["--model.checkpoint", checkpoint] if checkpoint else []
    if config.body.folder:
        words += ["--body.folder", str(config.body.folder), "--body.gender", config.body.gender]
    if config.render.size_px != RenderConfig().size_px:
        words += ["--render.size-px", str(config.render.size_px)]
    return f" {shlex.join(words)}" if words else ""


def train(words: list[str]) -> int:
    """Train a base model on everyday views."""
    from share_dist.loop import run_base_training

    options = read_options(RunOptions, "train", words)
    model_path = run_base_training(options.config, options.out)
    print(f"\nThe model is {model_path}; its curve lies beside it. Survey it next:")
    print(f"  share-dist survey demo{same_model(options.config, model_path)} --out {options.out}-survey")
    return 0


def render(words: list[str]) -> int:
    """Render numbered views with their truth and keep them as shards."""
    from share_dist.loop import run_rendering

    options = read_options(RenderOptions, "render", words)
    run_rendering(options.config, options.out, options.count, options.cameras, options.split)
    print(f"\n{options.count} views lie under {options.out}, up to 256 in each shard-NNNNN/records.tar;")
    print("index/index.json there says how many shards there are and everything that makes them again.")
    return 0


def report(words: list[str]) -> int:
    """Write the page of a finished run again."""
    from share_dist.loop import rewrite_report

    if len(words) != 1 or words[0].startswith("-"):
        print("usage: share-dist report URI\n")
        print("Write report/index.html again from what the run at URI, a folder or s3://bucket/folder, stored.")
        return 0 if words and words[0] in ("-h", "--help") else 2
    print(f"Look at the page: {rewrite_report(words[0])}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "share": share,
    "survey": survey,
    "train": train,
    "render": render,
    "report": report,
    "bench": measure.bench,
    "chaos": measure.chaos,
    "doctor": operate.doctor,
    "explain": operate.explain,
    "submit": operate.submit,
    "node-agent": operate.node_agent,
    "lint": cluster.lint,
    "ls": stored.ls,
    "pull": stored.pull,
    "verify": stored.verify,
}
