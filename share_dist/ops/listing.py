"""Runs listed: what each is, how far it came and how large it is; in folders and buckets alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from share_dist.storage import MANIFEST, Entry, Store, inside, open_store

CONFIG = "config.json"
_LAST = {"share": "report/index.html", "survey": "summary.json", "sweep": "report/index.html", "train": "card.json"}
"""What each command writes last; `render` has an index that says how many shards there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRun:
    """One run as a listing shows it."""

    uri: str
    command: str
    """What made it, with its seed."""

    stage: str
    """``finished``, or the last stage that was."""

    bytes: int
    changed: float
    """Seconds since 1970 of its newest object."""


def find_runs(uri: str) -> list[StoredRun]:
    """Return the runs at or below an address, by name.

    Raises:
        errors.BadSetting, errors.BucketRefused: it is no place that can be listed.
    """
    store = open_store(uri)
    entries = store.entries()
    roots = [parent(entry.key) for entry in entries if PurePosixPath(entry.key).name == CONFIG]
    return [run for root in sorted(roots) if (run := _described(inside(store, root), entries, root))]


def _described(run: Store, entries: list[Entry], root: str) -> StoredRun | None:
    """Say what a run is; None for a config.json of something else."""
    try:
        config = json.loads(run.read(CONFIG))
        command = config["command"]
    except (ValueError, KeyError, TypeError):
        return None
    start = f"{root}/" if root else ""
    own = [Entry(e.key[len(start) :], e.bytes, e.changed) for e in entries if e.key.startswith(start)]
    return StoredRun(
        uri=run.uri(),
        command=f"{command}, seed {config.get('seed', '?')}",
        stage=_stage(run, command, own),
        bytes=sum(entry.bytes for entry in own),
        changed=max(entry.changed for entry in own),
    )


def _stage(run: Store, command: str, own: list[Entry]) -> str:
    manifests = [entry for entry in own if PurePosixPath(entry.key).name == MANIFEST]
    if command == "render" and run.exists("index/index.json"):
        shards = json.loads(run.read("index/index.json"))["shards"]
        done = sum(entry.key.startswith("shard-") for entry in manifests)
        return "finished" if done == shards else f"shard {done} of {shards}"
    if _LAST.get(command) in {entry.key for entry in own}:
        return "finished"
    newest = max(manifests, key=lambda entry: (entry.changed, entry.key), default=None)
    return parent(newest.key) if newest else "begun"


def runs_table(runs: list[StoredRun]) -> str:
    """Lay runs out a line each: what, how far, how large, when it last changed (this machine's time), where."""
    lines = [f"{'':20}{'reached':42}{'size':>10}  last change"]
    for run in runs:
        when = datetime.fromtimestamp(run.changed).strftime("%Y-%m-%d %H:%M")
        lines.append(f"{run.command:20}{run.stage:42}{run.bytes / 1e6:7,.1f} MB  {when}  {run.uri}")
    return "\n".join(lines)


def parent(key: str) -> str:
    """The folder of a key; nothing for one that lies at the top."""
    return key.rpartition("/")[0]
