"""What each command does with the rest of its line."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from share_dist.cli import cluster, measure, operate, stored
from share_dist.cli.options import RenderOptions, RunOptions, read_options, read_share_options
from share_dist.cli.say import say
from share_dist.config import RunConfig
from share_dist.render import RenderConfig
from share_dist.storage import command_of, open_store


def share(words: list[str]) -> int:
    """Find where the model fails, repair it there, and report: the main job."""
    from share_dist.loop import run_share

    options = read_share_options(words, share.__doc__)
    result = run_share(options.config, options.out)
    say(result.table)
    say(f"\nThe repaired model is {options.out}/model.safetensors")
    say(f"Look at the page: {result.report_uri}")
    return 0


def survey(words: list[str]) -> int:
    """Measure a model from all cameras and fit its error landscape, without repairing it."""
    from share_dist.loop import run_survey

    options = read_options(RunOptions, "survey", words, survey.__doc__)
    say(run_survey(options.config, options.out))
    say(f"\nThe rows are Parquet files under {options.out}/survey; repair the model next with")
    say(f"  share-dist share demo{same_model(options.config, options.config.model.checkpoint)} --out runs/repaired")
    return 0


def same_model(config: RunConfig, checkpoint: str | None) -> str:
    """The options by which another command finds this model, its body and the size of its pictures."""
    words = ["--model.checkpoint", checkpoint] if checkpoint else []
    if config.body.folder:
        words += ["--body.folder", str(config.body.folder), "--body.gender", config.body.gender]
    if config.render.size_px != RenderConfig().size_px:
        words += ["--render.size-px", str(config.render.size_px)]
    return f" {shlex.join(words)}" if words else ""


def sweep(words: list[str]) -> int:
    """Search RoME settings and loss weights by short runs: which repair this model best, and how sure that is."""
    from share_dist.cli.sweep import read_sweep_options
    from share_dist.sweep import SweepPlan, run_sweep

    space, recipe, options = read_sweep_options(words, sweep.__doc__)
    result = run_sweep(SweepPlan(space, recipe, options.config, options.sweep), options.out)
    say(result.table)
    say(f"\nLook at the page: {result.report_uri}")
    return 0


def train(words: list[str]) -> int:
    """Train a base model on everyday views."""
    from share_dist.loop import run_base_training

    options = read_options(RunOptions, "train", words, train.__doc__)
    model_path = run_base_training(options.config, options.out)
    say(f"\nThe model is {model_path}; its curve lies beside it. Survey it next:")
    say(f"  share-dist survey demo{same_model(options.config, model_path)} --out {options.out}-survey")
    return 0


def render(words: list[str]) -> int:
    """Render numbered views with their truth and keep them as shards."""
    from share_dist.loop import run_rendering

    options = read_options(RenderOptions, "render", words, render.__doc__)
    run_rendering(options.config, options.out, options.count, options.cameras, options.split)
    say(f"\n{options.count} views lie under {options.out}, up to 256 in each shard-NNNNN/records.tar;")
    say("index/index.json there says how many shards there are and everything that makes them again.")
    return 0


def report(words: list[str]) -> int:
    """Write the page of a finished run or sweep again."""
    if len(words) != 1 or words[0].startswith("-"):
        say("usage: share-dist report URI\n")
        say("Write report/index.html again from what the run at URI, a folder or s3://bucket/folder, stored.")
        return 0 if words and words[0] in ("-h", "--help") else 2
    if command_of(open_store(words[0])) == "sweep":
        from share_dist.sweep import rewrite_sweep_report as rewrite
    else:
        from share_dist.loop import rewrite_report as rewrite
    say(f"Look at the page: {rewrite(words[0])}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "share": share,
    "survey": survey,
    "sweep": sweep,
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
