"""A finished run's manifest: its files outside all stages, and its stages by name, so that nothing can go unnoticed.

It is written last, when all else is, and taken away before anything is written again: without one a run is unfinished,
or of an earlier version, and the same command finishes it. What lies in a stage is in that stage's own manifest, which
the run's vouches for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from share_dist.storage.manifests import (
    Manifest,
    damaged,
    delete_folder,
    fingerprint,
    manifest_bytes,
    read_manifest,
    what_differs,
)
from share_dist.storage.sealed import MAKE_AGAIN
from share_dist.storage.stores import MANIFEST, Around, Store, inside
from share_dist.storage.together import together

CONFIG = "config.json"
GROWS = "study.journal"
"""Others may note something in it later: a dashboard its tags."""

_OURS = frozenset(
    [CONFIG, "summary.json", "seconds.json", "curve.json", "card.json", "model.safetensors"]
    + ["meta.json", "job.json", "metrics.jsonl", "point.json", GROWS]
)
_OUR_FOLDERS = frozenset(["report", "tensorboard", "snapshots"])
"""Files outside stages, by their names or their folders'. What else lies there, such as a log, is somebody's own."""


def finish_run(store: Store) -> None:
    """Vouch for everything in a run that no stage does."""
    entries = {entry.key: entry.bytes for entry in store.entries()}
    stages = [key.removesuffix(f"/{MANIFEST}") for key in entries if key.endswith(f"/{MANIFEST}")]
    inside_one = set(stages)
    loose = [key for key in entries if is_ours(key) and not inside_one.intersection(folders_of(key))]
    manifests = [f"{stage}/{MANIFEST}" for stage in stages]
    hashed = [*loose, *manifests]
    known = dict(zip(hashed, together(store.digest, hashed), strict=True))
    files, of_stages = ({key: _entry(key, known[key], entries[key]) for key in keys} for keys in (loose, manifests))
    store.overwrite(MANIFEST, manifest_bytes(files, stages, of_stages))


def reopen_run(store: Store) -> None:
    """Take the manifest of a finished run away, before something in it is written again."""
    if store.exists(MANIFEST):
        store.remove([MANIFEST])


def rewrite(store: Store, files: Mapping[str, bytes]) -> None:
    """Replace files of a run and what its manifest, if there is one, says of them; being killed does no harm."""
    if store.exists(MANIFEST):
        known = store.known if isinstance(store, Vouched) else read_manifest(store, MAKE_AGAIN)
        changed = {key: {**fingerprint(data), **_earlier(known.files.get(key))} for key, data in files.items()}
        store.overwrite(MANIFEST, manifest_bytes(known.files | changed, known.stages, known.of_stages))
    for key, data in files.items():
        store.overwrite(key, data)


class Vouched(Around):
    """A finished run: what its manifest lists is read only if it is what was stored for this run."""

    def __init__(self, store: Store, known: Manifest):
        super().__init__(store)
        self.known = known

    def read(self, key: str) -> bytes:
        """See `Store`; errors.DamagedFile where the object is not what was stored."""
        data = super().read(key)
        wanted = self.known.files.get(key) or self.known.of_stages.get(key)
        difference = what_differs(data, wanted) if wanted else None
        if difference:
            of_stage = inside(self.store, key.rpartition("/")[0]) if key in self.known.of_stages else None
            raise damaged(self.store, key, difference, delete_folder(of_stage) if of_stage else remedy_for(self, key))
        return data


def vouched(store: Store) -> Store:
    """Return a run that compares what is read of it with its manifest, if it has one.

    Raises:
        errors.DamagedFile: the manifest cannot be used.
    """
    # Other programs have manifests of other kinds.
    has_one = store.exists(CONFIG) and store.exists(MANIFEST)
    return Vouched(store, read_manifest(store, MAKE_AGAIN)) if has_one else store


def is_ours(key: str) -> bool:
    """Whether a file outside all stages is part of a run, by its name."""
    folder, _, name = key.rpartition("/")
    return name in _OURS or folder.rpartition("/")[2] in _OUR_FOLDERS


def remedy_for(store: Store, key: str) -> str:
    """What to do when a file outside all stages is damaged."""
    name, folders = key.rpartition("/")[2], [*folders_of(key), ""]
    if key == CONFIG:
        return "Put back a whole copy of it, or give another --out."
    if name == "job.json":
        return "Delete it and run the same command again, which writes it anew; or delete the folder, to train anew."
    if name == "metrics.jsonl" or folders[0].rpartition("/")[2] in ("tensorboard", "snapshots"):
        folder = store.uri(folders[0] if name == "metrics.jsonl" else folders[1])
        return f"Delete the folder {folder} and run the same command again: only that training is done anew."
    return MAKE_AGAIN


def folders_of(key: str) -> list[str]:
    """The folders around a file, the innermost first, without the store itself."""
    return [key[:end] for end in range(len(key) - 1, 0, -1) if key[end] == "/"]


def _entry(key: str, digest: str, size: int) -> dict[str, Any]:
    grows = {"grows": True} if key.rpartition("/")[2] == GROWS else {}
    return {"sha256": digest, "bytes": size, **grows}


def _earlier(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"earlier": {name: entry[name] for name in ("sha256", "bytes")}} if entry else {}
