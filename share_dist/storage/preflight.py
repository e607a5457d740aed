"""Before work starts: can results be kept here? Asked with small objects that are gone again afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from share_dist import errors
from share_dist.errors import Finding
from share_dist.storage.address import open_store
from share_dist.storage.folder import FolderStore, not_writable, writing
from share_dist.storage.whole import temporary_file

if TYPE_CHECKING:
    from share_dist.storage.s3 import S3Store


def require_writable(root: Path) -> None:
    """Raise NotWritable or StorageFull now when a folder that is there cannot be written."""
    with writing(root), _somewhere(root), temporary_file(root / "probe", b""):
        pass


def make_folder(root: Path) -> None:
    """Make a folder and those around it, or raise NotWritable where nobody can, as below /proc."""
    with _somewhere(root):
        root.mkdir(parents=True, exist_ok=True)


@contextmanager
def _somewhere(root: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise not_writable(root, error) from error


def require_bucket(store: S3Store) -> None:
    """Raise BucketRefused now for whatever a run in this bucket would stumble over later.

    Does under the run's own prefix all that a run does; a person waits, so it is not patient.
    """
    from share_dist.storage.s3_client import HASTY
    from share_dist.storage.s3_probe import probe

    probe(replace(store, patience=HASTY))


def check(out: str | Path = ".") -> list[Finding]:
    """Say whether results can be kept at `out`: a bucket, or a folder, whose nearest existing parent is looked at."""
    try:
        store = open_store(out)
        if not isinstance(store, FolderStore):
            return [_bucket_finding(store)]  # pyright: ignore[reportArgumentType]  # the only other kind
        return [_folder_finding(store.root)]
    except errors.ShareDistError as error:
        lines = str(error).splitlines()
        return [Finding("storage", False, lines[0], lines[-1].strip())]


def _bucket_finding(store: S3Store) -> Finding:
    require_bucket(store)
    return Finding(
        "storage", True, f"{store.uri()} can be listed, written, written on conditions and in parts, read and cleared"
    )


def _folder_finding(path: Path) -> Finding:
    while not os.path.exists(path):
        path = path.parent
    require_writable(path)
    free_gb = shutil.disk_usage(path).free / 1e9
    remedy = "" if free_gb >= 1 else "Free some space: a run of the demo needs about 0.3 GB, longer ones more."
    return Finding("storage", free_gb >= 1, f"{path} can be written, {free_gb:,.1f} GB free", remedy)
