"""What vouches for each file of what is stored: a stage's manifest, its run's, or the file itself."""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from share_dist import errors
from share_dist.storage import (
    CONFIG,
    MACHINERY,
    MAKE_AGAIN,
    MANIFEST,
    FolderStore,
    Manifest,
    Store,
    damaged,
    folders_of,
    inside,
    is_ours,
    is_sealed,
    read_manifest,
    remedy_for,
    together,
    unsealed,
    unsealed_line,
    unsealed_lines,
)


@dataclass(frozen=True, slots=True)
class Guards:
    """What is known of the files at or below an address before any of them is read."""

    promised: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """By key: the folder whose manifest vouches for the file, and what it says of it."""

    runs: frozenset[str] = frozenset()
    """Folders whose manifest is a finished run's."""

    stages: tuple[str, ...] = ()
    """Folders whose manifest is a stage's."""

    damage: tuple[errors.DamagedFile, ...] = ()
    """Manifests that cannot be used, and what manifests list that is not there."""

    own: tuple[str, ...] = ()
    """Files of runs that no manifest vouches for; they may do so themselves."""

    strays: tuple[str, ...] = ()
    """Files that belong to no run."""


def guards_of(store: Store, keys: Iterable[str]) -> Guards:
    """Read every manifest of what is stored; what they list that is not there is damage already."""
    names = frozenset(key for key in keys if not key.rpartition("/")[2].startswith(MACHINERY))
    roots = frozenset(_folder(key) for key in names if key.rpartition("/")[2] == CONFIG)
    folders = [_folder(key) for key in names if key.rpartition("/")[2] == MANIFEST]
    read = dict(zip(folders, together(partial(_manifest, store, roots), folders), strict=True))
    good = {folder: found for folder, found in read.items() if isinstance(found, Manifest)}
    promised = {
        _below(folder, key): (folder, entry) for folder, found in good.items() for key, entry in found.files.items()
    }
    damage = [found for found in read.values() if isinstance(found, errors.DamagedFile)]
    runs = {folder: found.stages for folder, found in good.items() if found.stages is not None}
    damage += [_gone(store, {*roots, *runs}, promised, key) for key in sorted(promised) if key not in names]
    damage += [*_lost_stages(store, runs, names), *_strange_stages(store, good)]
    stages = (
        frozenset(folder for folder, found in read.items() if found is not None) - runs.keys() - (roots - good.keys())
    )
    rest = sorted(key for key in names - promised.keys() if key.rpartition("/")[2] != MANIFEST)
    # A config.json is many programs'; a run has stages too.
    real = roots.intersection(around for folder in folders for around in [folder, *folders_of(folder), ""])
    if roots:
        rest = [key for key in rest if real.intersection([*folders_of(key), ""])]
    # Below a stage, nothing but what its manifest lists is anybody's; a finished run lists all that is its own.
    strange = {key for key in rest if not is_ours(key) or stages.union(runs).intersection([*folders_of(key), ""])}
    return Guards(
        promised,
        frozenset(runs),
        tuple(sorted(stages)),
        tuple(damage),
        tuple(key for key in rest if key not in strange),
        tuple(key for key in rest if key in strange),
    )


def remedy_of(store: Store, guards: Guards, key: str) -> str | None:
    """What to do about a damaged file that is promised; None for what its stage's folder says."""
    folder, _ = guards.promised[key]
    return remedy_for(inside(store, folder), key[len(folder) :].lstrip("/")) if folder in guards.runs else None


def _manifest(store: Store, roots: frozenset[str], folder: str) -> Manifest | errors.DamagedFile | None:
    """Read a manifest; None when it is gone since it was listed, as a training deletes its old checkpoints."""
    stage = inside(store, folder)
    try:
        return read_manifest(stage, MAKE_AGAIN if folder in roots else None)
    except errors.DamagedFile as error:
        return error
    except FileNotFoundError:
        return None
    except OSError as error:
        return errors.DamagedFile(
            f"{stage.uri(MANIFEST)} cannot be read: {error.strerror or error}.\n"
            "  Look again once it can be, or delete it and run the same command again."
        )


def _gone(
    store: Store, runs: Collection[str], promised: Mapping[str, tuple[str, dict[str, Any]]], key: str
) -> errors.DamagedFile:
    folder, entry = promised[key]
    remedy = None
    if folder in runs:
        remedy = "Put back a copy of it, or run the same command again: what can be made anew is."
    if folder in runs and key == _below(folder, CONFIG):
        remedy = remedy_for(store, CONFIG)
    # A listing holds nothing but files.
    other = isinstance(store, FolderStore) and os.path.lexists(store.uri(key))
    what = "is no regular file" if other else "is gone"
    name = key[len(folder) :].lstrip("/")
    return damaged(inside(store, folder), name, f"{what}; {entry['bytes']:,} bytes were stored", remedy)


def _lost_stages(
    store: Store, runs: Mapping[str, tuple[str, ...] | None], names: frozenset[str]
) -> list[errors.DamagedFile]:
    return [
        errors.DamagedFile(
            f"{store.uri(_below(_below(folder, stage), MANIFEST))} is gone, so nothing vouches for that stage.\n"
            "  Run the same command again: that stage is made anew."
        )
        for folder, stages in runs.items()
        for stage in stages or ()
        if _below(_below(folder, stage), MANIFEST) not in names
    ]


def _strange_stages(store: Store, good: Mapping[str, Manifest]) -> list[errors.DamagedFile]:
    """Whole stages, agreeing with themselves, that are not the ones with which their run was finished."""
    found = []
    for folder, run in good.items():
        for key, wanted in run.of_stages.items():
            stage = _folder(_below(folder, key))
            if stage in good and good[stage].own != wanted:
                there = inside(store, stage)
                found.append(damaged(there, MANIFEST, "is another than the one with which its run was finished"))
    return found


def own_verdict(store: Store, key: str, data: bytes) -> errors.DamagedFile | bool:
    """Say what a file outside all manifests tells of itself: damage, True where it is whole, False where nothing."""
    where, name = store.uri(key), key.rpartition("/")[2]
    try:
        if name.endswith(".json"):
            unsealed(data, where, remedy_for(store, key))
            return is_sealed(data)
        if name.endswith(".jsonl"):
            unsealed_lines(data, where, remedy_for(store, key))
            return b'"check":' in data
        if name.endswith(".journal"):
            return _journal(data, where)
        if name.startswith("events.out."):
            return _whole_events(data) or _changed(where, remedy_for(store, key))
        if name.endswith(".safetensors"):
            # Here, because it takes seconds to import.
            from share_dist.models import load_checkpoint

            load_checkpoint(data)
            return True
    except errors.ShareDistError as error:
        return error if isinstance(error, errors.DamagedFile) and where in str(error) else _changed(where, str(error))
    return False


def _journal(data: bytes, where: str) -> bool:
    for number, line in enumerate(data.decode(errors="replace").split("\n")[:-1], start=1):
        try:
            unsealed_line(line)
        except (ValueError, RecursionError) as error:
            raise errors.DamagedFile(
                f"{where} has changed since it was written: line {number} is not what it was ({error}).\n"
                "  Put back a copy of it: it holds what the sweep has found."
            ) from error
    return b'"check":' in data


def _changed(where: str, remedy: str) -> errors.DamagedFile:
    return errors.DamagedFile(f"{where} has changed since it was written.\n  {remedy}")


def _whole_events(data: bytes) -> bool:
    """Whether every record of a TensorBoard file has its checksums."""
    from tensorboardX.record_writer import masked_crc32c

    at = 0
    while at < len(data):
        length = data[at : at + 8]
        end = at + 12 + int.from_bytes(length, "little")
        parts = (length, data[at + 8 : at + 12]), (data[at + 12 : end], data[end : end + 4])
        if any(struct.pack("<I", masked_crc32c(content)) != check for content, check in parts):
            return False
        at = end + 4
    return True


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def _below(folder: str, key: str) -> str:
    return f"{folder}/{key}" if folder else key
