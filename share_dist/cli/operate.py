"""Commands of whoever runs a cluster: doctor, explain, submit, node-agent."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

import tyro

from share_dist import errors
from share_dist.cli.options import RenderOptions, RunOptions, read_options, read_share_options

_RECIPE_COMMANDS = ("share", "survey", "sweep", "train", "render")
_JOBS = (*_RECIPE_COMMANDS, "doctor", "explain")
"""What has a script in jobs/."""


def node_agent(words: list[str]) -> int:
    """Drain this worker node when its cloud announces that it will be taken; runs as long as Ray does."""
    from share_dist.ops.node_agent import NodeAgentConfig, run_agent

    return run_agent(tyro.cli(NodeAgentConfig, prog="share-dist node-agent", args=words))


def submit(words: list[str]) -> int:
    """Run a command on the cluster, whatever dies: `share-dist submit share demo --out s3://bucket/run`."""
    from share_dist.ops.submit import Submission, SubmitConfig
    from share_dist.ops.submit import submit as run_submission

    config, line = tyro.cli(
        SubmitConfig,
        prog="share-dist submit COMMAND [RECIPE] [options of both]",
        args=words,
        description=submit.__doc__,
        return_unknown_args=True,
    )
    if not line or line[0].startswith("-"):
        raise errors.BadSetting("`share-dist submit` needs a command: share-dist submit share demo --out s3://…")
    command, rest = line[0], line[1:]
    return run_submission(
        Submission.of(command, rest, _identity(command, rest)), config, lambda text: print(text, flush=True)
    )


def _identity(command: str, rest: list[str]) -> str:
    """Read the command's own options as the job will, so that a mistake is answered here; return what identifies it."""
    from share_dist.config import config_json

    if command not in _JOBS:
        raise errors.BadSetting(f"there is no job '{command}'{errors.nearest_name(command, _JOBS)}")
    if command not in _RECIPE_COMMANDS:
        return " ".join([command, *rest])
    options = _options(command, rest)
    out = str(options.out)
    if not ("://" in out or out.startswith("/")):
        raise errors.BadSetting(
            f"--out is {out}, but a job's own folder is thrown away when it ends.\n"
            "  Give a bucket, --out s3://bucket/runs/demo, or a folder that every node mounts, by its full path."
        )
    own = sorted(entry.name for entry in fields(options) if entry.name not in ("out", "config", "from_sweep"))
    return " ".join([config_json(options.config, command), out, *(str(getattr(options, name)) for name in own)])


def _options(command: str, rest: list[str]) -> RunOptions:
    if command == "share":
        return read_share_options(rest, None)
    if command != "sweep":
        return read_options(RenderOptions if command == "render" else RunOptions, command, rest)
    from share_dist.cli.sweep import read_sweep_options

    *_, options = read_sweep_options(rest, None)
    if options.sweep.storage and urlsplit(options.sweep.storage).password:
        raise errors.BadSetting(
            "--storage holds a password, which would stand in the job's command line for everybody to see.\n"
            "  Leave it out, and give PGPASSWORD to the cluster's nodes, or ~/.pgpass."
        )
    return options


@dataclass(frozen=True)
class ExplainOptions:
    """Options of `explain`."""

    address: str | None = None
    """The head as host:port; auto is the cluster that this machine belongs to. None takes RAY_ADDRESS, or auto."""


def explain(words: list[str]) -> int:
    """Say in one line why a run on the cluster is not advancing, then the details."""
    from share_dist.ops.explain import explain as find_out
    from share_dist.ops.explain import explanation

    options = tyro.cli(ExplainOptions, prog="share-dist explain", args=words, description=explain.__doc__)
    findings = find_out(options.address or os.environ.get("RAY_ADDRESS") or "auto")
    print(explanation(findings))
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
    from share_dist.ops.doctor import all_findings, cluster_table, doctor_table, examine

    options = tyro.cli(DoctorOptions, prog="share-dist doctor", args=words, description=doctor.__doc__)
    address = options.address or os.environ.get("RAY_ADDRESS")
    if address:
        from share_dist.ops.examine import examine_cluster

        reports = examine_cluster(address, options.out, BodyConfig(folder=options.body_folder))
        findings, table = all_findings(reports), cluster_table(reports)
    else:
        findings = examine(options.out)
        table = doctor_table(findings)
    print(table)
    broken = [finding for finding in findings if not finding.ok]
    after = "share-dist submit share demo --out s3://BUCKET/runs/demo" if address else "make demo"
    print(f"\nAll is well; next: {after}." if not broken else f"\n{len(broken)} to mend; the remedies stand above.")
    return 1 if broken else 0
