"""What vouches for the files of a folder: their hashes and sizes, under a hash of the manifest's own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from share_dist import errors
from share_dist.storage.sealed import sealed, unsealed
from share_dist.storage.stores import MANIFEST, Store, key_parts

VERSION = 1
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")

Entries = dict[str, dict[str, Any]]
"""By key: ``sha256`` and ``bytes``; ``grows`` where only so many first bytes are vouched for; ``earlier``, an entry
that is right too, because the process that replaced the file may have been killed before it did."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says."""

    files: Entries
    stages: tuple[str, ...] | None = None
    """In a run's manifest, the folders below it that have manifests of their own; None in a stage's."""

    of_stages: Entries = field(default_factory=dict)
    """In a run's manifest, what those manifests were, by key: whole ones of another stage would agree with themselves.
    Earlier versions did not keep it."""

    own: dict[str, Any] = field(default_factory=dict)
    """This manifest's own hash and size."""


def manifest_bytes(
    files: Mapping[str, Mapping[str, Any]],
    stages: Iterable[str] | None = None,
    of_stages: Mapping[str, Mapping[str, Any]] | None = None,
) -> bytes:
    """Return a manifest as it is stored."""
    named = {"stages": sorted(stages)} if stages is not None else {}
    kept = {"of_stages": _ordered(of_stages)} if of_stages else {}
    return sealed({"files": _ordered(files), **named, **kept, "version": VERSION})


def _ordered(entries: Mapping[str, Mapping[str, Any]]) -> Entries:
    return {key: dict(sorted(entries[key].items())) for key in sorted(entries)}


def read_manifest(stage: Store, remedy: str | None = None) -> Manifest:
    """Return what the manifest of a finished stage or run says.

    Args:
        stage: whose.
        remedy: what to do when it is damaged; to delete the folder unless given.

    Raises:
        FileNotFoundError: there is none.
        errors.DamagedFile: it is no manifest, has changed, is of another release, or names what lies elsewhere.
    """
    where = stage.uri(MANIFEST)
    remedy = remedy or delete_folder(stage)
    data = stage.read(MANIFEST)
    found = unsealed(data, where, remedy, otherwise="is not a manifest")
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
        raise damaged(stage, MANIFEST, "is not a manifest: it lists no files", remedy)
    if found.get("version") != VERSION:
        raise errors.DamagedFile(
            f"{where} is of version {json.dumps(found.get('version'))}, and this release knows version {VERSION}.\n"
            "  Use the release that wrote it."
        )
    stages, of_stages = found.get("stages"), found.get("of_stages", {})
    wrong = next(_wrong(found["files"], stages, of_stages), None)
    if wrong:
        raise damaged(stage, MANIFEST, f"is not a manifest: {wrong}", remedy)
    return Manifest(found["files"], None if stages is None else tuple(stages), of_stages, fingerprint(data))


def manifest_files(stage: Store) -> Entries:
    """Return what the manifest of a finished stage says of each object; see `read_manifest`."""
    return read_manifest(stage).files


def _wrong(files: Mapping[str, Any], stages: Any, of_stages: Any) -> Iterator[str]:
    """Yield what no manifest of ours holds."""
    if stages is not None and not (isinstance(stages, list) and all(isinstance(name, str) for name in stages)):
        yield "its stages are no list of names"
        return
    if not isinstance(of_stages, dict):
        yield "it says nothing of its stages' manifests"
        return
    for key in (*files, *(stages or ()), *of_stages):
        try:
            key_parts(key)
        except ValueError:
            yield f"it names {key!r}, which is not inside its folder"
    for key, entry in (*files.items(), *of_stages.items()):
        hashed = isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and _SHA256.match(entry["sha256"])
        if not hashed or type(entry.get("bytes")) is not int:
            yield f"what it says of {key!r} is no hash and size"


def fingerprint(data: bytes) -> dict[str, Any]:
    """Return the hash and the size of an object's bytes."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def check_object(
    stage: Store, key: str, wanted: Mapping[str, Any], remedy: str | None = None
) -> bytes | errors.DamagedFile:
    """Return an object's bytes if they are what a manifest says, else what is wrong and, if given, the remedy."""
    try:
        data = stage.read(key)
    except FileNotFoundError:
        return damaged(stage, key, f"is gone; {wanted['bytes']:,} bytes were stored", remedy)
    except errors.DamagedFile as error:
        return error
    except OSError as error:
        return damaged(stage, key, f"cannot be read ({error.strerror or error})", remedy)
    difference = what_differs(data, wanted)
    return damaged(stage, key, difference, remedy) if difference else data


def what_differs(data: bytes, wanted: Mapping[str, Any]) -> str | None:
    """Say how bytes differ from what a manifest says of them; None where they do not."""
    part = data[: wanted["bytes"]] if wanted.get("grows") else data
    found = fingerprint(part)
    if found["sha256"] == wanted["sha256"] and found["bytes"] == wanted["bytes"]:
        return None
    if "earlier" in wanted and what_differs(data, wanted["earlier"]) is None:
        return None
    if found["bytes"] != wanted["bytes"]:
        return f"has {found['bytes']:,} bytes, but {wanted['bytes']:,} were stored"
    return f"has changed: SHA-256 {found['sha256'][:12]}…, not {wanted['sha256'][:12]}…"


def damaged(stage: Store, key: str, what: str, remedy: str | None = None) -> errors.DamagedFile:
    """Return the error of an object of a stage with its remedy, by default that of the stage."""
    return errors.DamagedFile(f"{stage.uri(key)} {what}.\n  {remedy or delete_folder(stage)}")


def delete_folder(stage: Store) -> str:
    """What to do about a damaged stage."""
    return f"Delete the folder {stage.uri()} and run the same command again: only that stage is made anew."
