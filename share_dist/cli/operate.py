"""Commands of whoever runs a cluster: doctor, explain, submit, node-agent."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

from share_dist import errors
from share_dist.cli.line import read_line, read_part_of_line
from share_dist.cli.options import RenderOptions, RunOptions, read_options, read_share_options
from share_dist.cli.say import say

_RECIPE_COMMANDS = ("share", "survey", "sweep", "train", "render")
_JOBS = (*_RECIPE_COMMANDS, "doctor", "explain")
"""What has a script in jobs/."""
_NOT_SENT = "runs of this machine are not sent with a job"


def node_agent(words: list[str]) -> int:
    """Drain this worker node when its cloud announces that it will be taken; runs as long as Ray does."""
    from share_dist.ops.node_agent import NodeAgentConfig, run_agent

    return run_agent(read_line(NodeAgentConfig, words, prog="share-dist node-agent"))


def submit(words: list[str]) -> int:
    """Run a command on the cluster, whatever dies: `share-dist submit share demo --out s3://bucket/run`."""
    from share_dist.ops.submit import Submission, SubmitConfig
    from share_dist.ops.submit import submit as run_submission

    config, line = read_part_of_line(
        SubmitConfig,
        words,
        prog="share-dist submit COMMAND [RECIPE] [options of both]",
        description=submit.__doc__,
    )
    if not line or line[0].startswith("-"):
        raise errors.BadSetting("`share-dist submit` needs a command: share-dist submit share demo --out s3://…")
    command, rest = line[0], line[1:]
    # The one file that a line may name besides its results, and that must travel with it.
    files = [word for word in rest[:1] if command == "sweep" and word.endswith(".json")]
    submission = Submission.of(command, rest, _identity(command, rest), files)
    return run_submission(submission, config, say)


def _identity(command: str, rest: list[str]) -> str:
    """Read the command's own options as the job will, so that a mistake is answered here; return what identifies it."""
    from share_dist.config import config_json

    if command not in _JOBS:
        raise errors.BadSetting(f"there is no job '{command}'{errors.nearest_name(command, _JOBS)}")
    if command not in _RECIPE_COMMANDS:
        return " ".join([command, *rest])
    options, more = _read(command, rest)
    out = str(options.out)
    _require_reachable("--out", out, "a job's own folder is thrown away when it ends")
    own = sorted(entry.name for entry in fields(options) if entry.name not in ("out", "config", "from_sweep"))
    own_values = [str(getattr(options, name)) for name in own]
    return " ".join([config_json(options.config, command), out, *own_values, *more])


def _require_reachable(option: str, place: str, why: str) -> None:
    if not ("://" in place or place.startswith("/")):
        raise errors.BadSetting(
            f"{option} is {place}, but {why}.\n"
            f"  Give a bucket, {option} s3://bucket/runs/demo, or a folder that every node mounts, by its full path."
        )


def _read(command: str, rest: list[str]) -> tuple[RunOptions, list[str]]:
    """Return a command's options, and what else makes a job of it this one."""
    if command == "share":
        share = read_share_options(rest, None)
        _require_reachable("--from-sweep", share.from_sweep or "/", _NOT_SENT)
        return share, []
    if command != "sweep":
        return read_options(RenderOptions if command == "render" else RunOptions, command, rest), []
    from share_dist.cli.sweep import read_sweep_options
    from share_dist.recipes import space_to_json
    from share_dist.sweep import holds_password

    space, recipe, sweep = read_sweep_options(rest, None)
    _require_reachable("--warm-start", sweep.sweep.warm_start or "/", _NOT_SENT)
    if sweep.sweep.storage and holds_password(sweep.sweep.storage):
        raise errors.BadSetting(
            "--storage holds a password, which would stand in the job's command line for everybody to see.\n"
            "  Leave it out, and give PGPASSWORD to the cluster's nodes, or ~/.pgpass."
        )
    return sweep, [recipe, json.dumps(space_to_json(space))]


@dataclass(frozen=True)
class ExplainOptions:
    """Options of `explain`."""

    address: str | None = None
    """The head as host:port; auto is the cluster that this machine belongs to. None takes RAY_ADDRESS, or auto."""


def explain(words: list[str]) -> int:
    """Say in one line why a run on the cluster is not advancing, then the details."""
    from share_dist.ops.explain import explain as find_out
    from share_dist.ops.explain import explanation

    options = read_line(ExplainOptions, words, prog="share-dist explain", description=explain.__doc__)
    findings = find_out(options.address)
    say(explanation(findings))
    return 0 if all(finding.ok for finding in findings) else 1


@dataclass(frozen=True)
class DoctorOptions:
    """Options of `doctor`."""

    address: str | None = None
    """A cluster's head as host:port: every node is asked. None takes RAY_ADDRESS, and without it this machine alone."""

    out: str | None = None
    """Where a run would keep its results; every node writes there. None looks at the folder one is in."""

    body_folder: Path | None = None
    """Licensed SMPL files, which must be the same on every node. None is the built-in figure."""


def doctor(words: list[str]) -> int:
    """Look at everything a run needs, here or on every node, and say what to do about each red line."""
    from share_dist.body import BodyConfig
    from share_dist.fleet.reach import given_address, naming_origin
    from share_dist.ops.doctor import all_findings, cluster_table, doctor_table, examine

    options = read_line(DoctorOptions, words, prog="share-dist doctor", description=doctor.__doc__)
    address = given_address(options.address)
    if address:
        from share_dist.ops.examine import examine_cluster

        with naming_origin(options.address):
            reports = examine_cluster(address, options.out, BodyConfig(folder=options.body_folder))
        findings, table = all_findings(reports), cluster_table(reports)
    else:
        findings = examine(options.out)
        table = doctor_table(findings)
    say(table)
    broken = [finding for finding in findings if not finding.ok]
    after = "share-dist submit share demo --out s3://BUCKET/runs/demo" if address else "make demo"
    say(f"\nAll is well; next: {after}." if not broken else f"\n{len(broken)} to mend; the remedies stand above.")
    return 1 if broken else 0
