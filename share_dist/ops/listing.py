"""Runs listed: what each is, how far it came and how large it is; in folders and buckets alike.

What is damaged, cannot be read or is no run gets a line that says so, and never hides the others.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from share_dist.errors import DamagedFile, ShareDistError, printable
from share_dist.ops.evidence import Evidence, evidence
from share_dist.ops.walk import Trouble, look_below
from share_dist.storage import (
    CONFIG,
    MANIFEST,
    Entry,
    FolderStore,
    Store,
    folders_of,
    for_many_reads,
    inside,
    manifest_files,
    open_store,
    together,
    unsealed,
)

_LAST = {
    "share": ("report/index.html",),
    "survey": ("summary.json",),
    "sweep": ("report/index.html", "index.html"),
    "train": ("card.json",),
}
"""What each command writes last, and where committed results keep it; `render` has an index that says how many shards
there are."""

_INDEX = "index/index.json"
_SHARD = re.compile(rf"shard-[0-9]+/{re.escape(MANIFEST)}")
_SMALLEST_MANIFEST = len('{"files": {}, "version": 1}')
_LARGEST_CONFIG, _LARGEST_EVIDENCE = 1 << 20, 4 << 20
_MOST_EVIDENCE = 500
"""Files besides runs that are opened to see what they are: somebody may list a folder that is full of others' files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRun:
    """One run as a listing shows it, or what lies beside the runs."""

    uri: str
    command: str
    """What made it, with its seed; or what it is, where no command of ours made it."""

    stage: str
    """``finished``, or the last stage that was; or what is wrong with it."""

    bytes: int
    changed: float
    """Seconds since 1970 of its newest object."""

    damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """What a config.json says."""

    root: str
    command: str | None = None
    seed: Any = "?"
    problem: str | None = None
    gone: bool = False
    """It was deleted while the list was made."""


def find_runs(uri: str) -> list[StoredRun]:
    """Return the runs at or below an address, by name.

    Raises:
        errors.BadSetting, errors.BucketRefused: it is no place that can be listed.
    """
    return look(uri)[0]


def look(uri: str) -> tuple[list[StoredRun], list[StoredRun]]:
    """Return the runs at or below an address by name, and what else lies there.

    Each object is looked at once, however many runs there are. Of a run are read its settings, and of its manifests in
    a folder all, in a bucket, where each costs a request, those that are too small for one; `verify` compares the rest.

    Raises:
        errors.BadSetting, errors.BucketRefused: it is no place that can be listed.
    """
    store, entries, troubles = look_below(for_many_reads(open_store(uri)))
    configs = [entry for entry in entries if entry.key.rpartition("/")[2] == CONFIG]
    found = {each.root: each for each in together(lambda entry: _settings(store, entry), configs)}
    known = {root: each for root, each in found.items() if each.command is not None or each.problem is not None}
    known |= _without_settings(entries, known)
    own, rest = _parted(entries, known)
    in_folder = isinstance(store, FolderStore)
    runs = together(lambda root: _described(inside(store, root), known[root], own[root], in_folder), sorted(known))
    return runs, [*_others(store, rest), *_troubles(store, troubles)]


def _parted(entries: Iterable[Entry], roots: Mapping[str, Any]) -> tuple[dict[str, list[Entry]], list[Entry]]:
    """Return what lies below each root, with keys from there on, and what lies below none."""
    own: dict[str, list[Entry]] = {root: [] for root in roots}
    rest = []
    for entry in entries:
        folder, is_owned = entry.key, False
        while folder:
            folder = parent(folder)
            if folder in own:
                is_owned = True
                own[folder].append(replace(entry, key=entry.key[len(folder) + 1 if folder else 0 :]))
        if not is_owned:
            rest.append(entry)
    return own, rest


def _settings(store: Store, entry: Entry) -> _Found:
    """Read a config.json; one of something else has neither a command nor a problem."""
    root = parent(entry.key)
    if entry.bytes > _LARGEST_CONFIG:
        return _Found(root)
    try:
        content = store.read(entry.key)
    except FileNotFoundError:
        return _Found(root, problem="deleted while this list was made", gone=True)
    except (OSError, ShareDistError) as error:
        return _Found(root, problem=f"{CONFIG} cannot be read: {_first_line(error)}")
    try:
        config = unsealed(content, CONFIG)
    except DamagedFile as error:
        return _Found(root, problem=f"damaged: {_first_line(error).partition(':')[0].partition(' (')[0]}")
    if not isinstance(config, dict) or not isinstance(config.get("command"), str):
        return _Found(root)
    return _Found(root, config["command"], config.get("seed", "?"))


def _without_settings(entries: Sequence[Entry], known: Mapping[str, _Found]) -> dict[str, _Found]:
    """Finished runs that lost their settings: nothing but a run has a manifest above other manifests."""
    keys = {entry.key for entry in entries}
    folders = {parent(key) for key in keys if key.rpartition("/")[2] == MANIFEST}
    lost = {}
    for folder in folders:
        around = [*folders_of(folder), ""] if folder else []
        tops = [each for each in around if each in folders]
        if tops and not known.keys() & {folder, *around}:
            config = f"{tops[-1]}/{CONFIG}".lstrip("/")
            problem = f"damaged: {CONFIG} {'names no command' if config in keys else 'is gone'}"
            lost[tops[-1]] = _Found(tops[-1], problem=problem)
    return lost


def _described(run: Store, found: _Found, own: list[Entry], in_folder: bool) -> StoredRun:
    """Say what a run is and how far it came."""
    manifests = [entry for entry in own if entry.key.rpartition("/")[2] == MANIFEST]
    doubtful = [entry for entry in manifests if in_folder or entry.bytes < _SMALLEST_MANIFEST]
    problem = found.problem or _bad_manifest(run, doubtful)
    stage = problem
    if stage is None:
        stage, problem = _stage(run, found.command or "", own, manifests)
    return StoredRun(
        uri=run.uri(),
        command=f"{found.command}, seed {found.seed}" if found.command else "run of unknown kind",
        stage=stage,
        bytes=sum(entry.bytes for entry in own),
        changed=max(entry.changed for entry in own),
        damaged=problem is not None and not found.gone,
    )


def _bad_manifest(run: Store, manifests: Sequence[Entry]) -> str | None:
    """Name the first manifest that is none."""
    for entry in manifests:
        try:
            manifest_files(inside(run, parent(entry.key)))
        except FileNotFoundError:
            continue  # it is being deleted
        except (OSError, ShareDistError) as error:
            if isinstance(error, DamagedFile) and not isinstance(error.__cause__, OSError):
                return f"damaged: {entry.key} is no manifest"
            return f"{entry.key} cannot be read: {_first_line(error)}"
    return None


def _stage(run: Store, command: str, own: Sequence[Entry], manifests: Sequence[Entry]) -> tuple[str, str | None]:
    """Return how far a run came, and what is wrong with it if anything is."""
    keys = {entry.key for entry in own}
    if command == "render" and _INDEX in keys:
        try:
            shards = int(json.loads(run.read(_INDEX))["shards"])
        except FileNotFoundError:
            shards = -1  # it is being deleted
        except (ValueError, KeyError, TypeError, OSError, RecursionError, ShareDistError):
            return (problem := f"damaged: {_INDEX} does not say how many shards there are"), problem
        done = sum(_SHARD.fullmatch(entry.key) is not None for entry in manifests)
        return ("finished" if done == shards else f"shard {done} of {shards}"), None
    if keys.intersection(_LAST.get(command, ())):
        return "finished", None
    newest = max(manifests, key=lambda entry: (entry.changed, entry.key), default=None)
    return (parent(newest.key) if newest else "begun"), None


def _others(store: Store, rest: Sequence[Entry]) -> list[StoredRun]:
    """Say of what belongs to no run what it is, or that it is none."""
    shown = [entry for entry in rest if not any(part.startswith(".") for part in entry.key.split("/"))]
    telling = [entry for entry in shown if entry.key.endswith((".json", ".md")) and entry.bytes <= _LARGEST_EVIDENCE]
    seen = [found for found in together(lambda entry: _seen(store, entry), telling[:_MOST_EVIDENCE]) if found]
    rows = _folded(store, seen, shown)
    explained = {found.place for found in seen}
    unknown: dict[str, list[Entry]] = defaultdict(list)
    for entry in shown:
        if not any(place in explained for place in (entry.key, parent(entry.key))):
            unknown[entry.key.partition("/")[0] if "/" in entry.key else ""].append(entry)
    for top, entries in sorted(unknown.items()):
        place = entries[0].key if len(entries) == 1 else top
        count = f"{len(entries):,} file{'s' if len(entries) > 1 else ''}"
        rows.append(_row(store.uri(place), "no run", count, entries))
    return rows


def _seen(store: Store, entry: Entry) -> Evidence | None:
    try:
        return evidence(entry.key, store.read(entry.key))
    except (OSError, ValueError, ShareDistError):
        return None


def _folded(store: Store, seen: Sequence[Evidence], shown: Sequence[Entry]) -> list[StoredRun]:
    """One row for each, or for several of a kind in one folder."""
    below: dict[str, list[Entry]] = defaultdict(list)
    for entry in shown:
        below[entry.key].append(entry)
        below[parent(entry.key)].append(entry)
    alike = Counter((parent(found.place), found.many) for found in seen if found.many)
    rows: dict[str, StoredRun] = {}
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for found in seen:
        group = (parent(found.place), found.many)
        if alike[group] > 1:
            groups[group] += below[found.place]
        else:
            command = f"{found.kind}, {found.detail}".removesuffix(", ")
            rows[found.place] = _row(store.uri(found.place), command, "", below[found.place])
    for (folder, many), entries in groups.items():
        row = _row(store.uri(folder), f"{many}, {alike[folder, many]}", "", entries)
        rows[f"{folder}\0{many}"] = row
    return [rows[place] for place in sorted(rows)]


def _row(uri: str, command: str, stage: str, entries: Sequence[Entry], damaged: bool = False) -> StoredRun:
    return StoredRun(
        uri=uri,
        command=command,
        stage=stage,
        bytes=sum(entry.bytes for entry in entries),
        changed=max((entry.changed for entry in entries), default=0.0),
        damaged=damaged,
    )


def _troubles(store: Store, troubles: Iterable[Trouble]) -> list[StoredRun]:
    return [_row(store.uri(each.key), each.what, each.why, (), damaged=True) for each in sorted(troubles)]


def runs_table(runs: list[StoredRun]) -> str:
    """Lay runs out a line each: what, how far, how large, when it last changed (this machine's time), where."""
    width = min(max([20, *(len(printable(run.command)) + 2 for run in runs)]), 60)
    lines = [f"{'':{width}}{'reached':42}{'size':>10}  last change"]
    for run in runs:
        when = datetime.fromtimestamp(run.changed).strftime("%Y-%m-%d %H:%M") if run.changed else f"{'':16}"
        what, reached, where = map(printable, (run.command, run.stage, run.uri))
        lines.append(f"{what:{width - 1}} {reached:41} {run.bytes / 1e6:7,.1f} MB  {when}  {where}")
    return "\n".join(lines)


def parent(key: str) -> str:
    """The folder of a key; nothing for one that lies at the top."""
    return key.rpartition("/")[0]


def _first_line(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return text.splitlines()[0] if text else type(error).__name__
