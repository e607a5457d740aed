"""How an address becomes a store: a folder's path, file:// or s3://."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from share_dist import errors
from share_dist.masking import without_password
from share_dist.storage.folder import FolderStore
from share_dist.storage.given import MOST_BYTES, read_given
from share_dist.storage.stores import Store

if TYPE_CHECKING:
    from share_dist.storage.s3 import S3Store

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MOST_NAME_BYTES, _MOST_PATH_BYTES = 255, 4095
"""As Linux has them."""

_NEARLY = re.compile(r"(s3:(?!/)|arn:aws)", re.IGNORECASE)
"""What would be a folder's name, and was meant for a bucket."""


def open_store(uri: str | Path) -> Store:
    """Return the store at a folder's path, ``file://`` or ``s3://bucket/prefix``; nothing is created or asked yet.

    Raises:
        errors.BadSetting: the address has another scheme, or names what cannot be a bucket.
    """
    # pathlib folds 's3://x' to 's3:/x', so look at one slash only.
    scheme, found, rest = str(uri).partition(":/")
    if _NEARLY.match(str(uri)):
        raise errors.BadSetting(f"{uri} is no address of a bucket.\n  Write it as s3://bucket/folder.")
    if not found or "/" in scheme:
        return _folder(str(uri))
    shown, scheme = without_password(str(uri)), scheme.lower()
    if scheme == "file":
        return _folder("/" + rest.lstrip("/"))
    if scheme != "s3":
        raise errors.BadSetting(
            f"the address is {shown}, but {scheme}:// is not supported; folders and s3:// are.\n"
            "  Give a folder, such as runs/demo, or s3://bucket/runs/demo; buckets of other clouds speak S3 too, with "
            "AWS_ENDPOINT_URL set to theirs."
        )
    # boto takes half a second to import, which nobody who works in folders should wait for.
    from share_dist.storage.s3 import S3Store

    bucket, _, prefix = rest.strip("/").partition("/")
    if not _BUCKET.fullmatch(bucket) or ".." in prefix.split("/"):
        raise errors.BadSetting(
            f"the address is {shown}, but a bucket's name has 3 to 63 small letters, digits, dots and hyphens, and no "
            "folder below it is called '..'.\n  Write it as s3://bucket/folder."
        )
    return S3Store(bucket=bucket, prefix="/".join(part for part in prefix.split("/") if part not in ("", ".")))


def _folder(place: str) -> FolderStore:
    longest = max(map(len, os.fsencode(place).split(b"/")))
    if longest > _MOST_NAME_BYTES or len(os.fsencode(place)) > _MOST_PATH_BYTES:
        raise errors.BadSetting(
            f"the address is {place[:60]}…, but a name may have {_MOST_NAME_BYTES} bytes, a path {_MOST_PATH_BYTES:,}."
            "\n  Give a shorter one."
        )
    return FolderStore(place)


def for_many_reads(store: Store) -> Store:
    """Return a store from which many small objects are read with less work, where it is a bucket."""
    if isinstance(store, FolderStore):
        return store
    from share_dist.storage.s3_quick import Quick

    return Quick(cast("S3Store", store))


def read_address(uri: str | Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the bytes of one file, named by its path or its ``s3://`` address.

    Raises:
        FileNotFoundError, IsADirectoryError: there is none, or a folder.
        errors.DamagedFile: as `read_given`.
        errors.BadSetting, errors.BucketRefused: as `open_store`, and when the bucket is asked.
    """
    folder, _, name = str(uri).rstrip("/").rpartition("/")
    store = open_store(folder or ("/" if str(uri).startswith("/") else "."))
    if isinstance(store, FolderStore):
        return read_given(store.uri(name), most_bytes)
    return cast("S3Store", store).read(name, most_bytes)
