"""The same place as Arrow sees it, for Ray Train and Tune, which write by Arrow only."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from share_dist import errors
from share_dist.storage.address import open_store
from share_dist.storage.folder import FolderStore
from share_dist.storage.stores import MACHINERY, Store
from share_dist.storage.whole import refuse_links

if TYPE_CHECKING:
    from share_dist.storage.s3 import S3Store

_SIGNED_FOR = re.compile(r"Credential=.+/\d{8}/([^/]+)/s3/")


def arrow_place(store: Store, folder: str = "") -> dict[str, Any]:
    """Return ``storage_path``, and for a bucket ``storage_filesystem``, as Ray's RunConfig takes them.

    Arrow finds keys by itself, where boto finds them, but no endpoint, region or setting that boto alone understands.

    Args:
        store: the place.
        folder: the only one inside it that Ray is told to write into.

    Raises:
        errors.NotWritable: that folder is a link.
        errors.BucketRefused: the bucket does not say in which region it is, or does not take what Arrow asks.
    """
    place = open_store(store.uri())
    if isinstance(place, FolderStore):
        # Ray would follow it.
        refuse_links(place.root, place.root / folder)
        return {"storage_path": place.uri()}
    from share_dist.storage.s3 import S3Store
    from share_dist.storage.s3_dialect import adds_checksums
    from share_dist.storage.s3_unanswered import without_keys

    assert isinstance(place, S3Store)
    filesystem, path = (
        arrow_filesystem(_options(place), adds_checksums(place.client)),
        place.uri().removeprefix("s3://"),
    )
    trial = f"{MACHINERY}probe-{uuid.uuid4().hex}-arrow"
    try:
        # What Ray does first, and would raise without a word about what to do.
        with filesystem.open_output_stream(f"{path}/{trial}") as file:
            file.write(b"1")
        with filesystem.open_input_stream(f"{path}/{trial}") as file:
            file.read()
    except OSError as error:
        raise errors.BucketRefused(
            f"Ray cannot write its own files to {place.uri()}: {without_keys(str(error))}.\n"
            "  Ray writes by Arrow, which asks by HEAD and sends no Content-MD5: train in a folder, or on another "
            "server."
        ) from None
    finally:
        place.remove([trial])
    return {"storage_path": path, "storage_filesystem": filesystem}


def arrow_filesystem(options: dict[str, Any], checksums: bool) -> Any:
    """Return Arrow's view of buckets, which is made by the same arguments in every process that it is sent to.

    Args:
        options: arguments of Arrow's S3FileSystem.
        checksums: whether puts are to have the checksum that Arrow adds.
    """
    from pyarrow.fs import FileInfo, FileType, S3FileSystem

    class Buckets(S3FileSystem):
        def __reduce__(self) -> tuple[Any, ...]:
            return arrow_filesystem, (options, checksums)

        def create_dir(self, path: str, *, recursive: bool = True) -> None:
            """Do nothing: no bucket has folders, and Arrow would ask for all of it, which keys for a prefix may not."""

        def get_file_info(self, paths_or_selector: Any) -> Any:
            """Say of one path what is there, also where Arrow hears of what is absent that it is forbidden."""
            try:
                return super().get_file_info(paths_or_selector)
            except OSError:
                if not isinstance(paths_or_selector, str):
                    raise
                bucket, _, key = paths_or_selector.strip("/").partition("/")
                store = open_store(f"s3://{bucket}")
                if not key or store.exists(key):
                    raise
                return FileInfo(paths_or_selector, FileType.Directory if store.list(key) else FileType.NotFound)

        def delete_dir(self, path: str) -> None:
            """Delete a folder; by boto, since Arrow knows bulk deletes alone, with a checksum that few servers know."""
            bucket, _, folder = str(path).strip("/").partition("/")
            open_store(f"s3://{bucket}").delete(folder) if folder else super().delete_dir(path)

    with _wishes(checksums):
        return Buckets(**options)


@contextmanager
def _wishes(checksums: bool) -> Iterator[None]:
    """Say about checksums, while Arrow reads it, what boto found out; it stands in no argument."""
    wanted = "when_supported" if checksums else "when_required"
    names = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, wanted))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _options(place: S3Store) -> dict[str, Any]:
    import botocore.session
    import pyarrow

    from share_dist.storage.s3_dialect import is_given

    known = place.client.meta
    endpoint = urlsplit(known.endpoint_url)
    options: dict[str, Any] = {"region": _region(place), "scheme": endpoint.scheme}
    if is_given(known.endpoint_url):
        options["endpoint_override"] = endpoint.netloc.rpartition("@")[2] + endpoint.path.rstrip("/")
    if (known.config.s3 or {}).get("addressing_style") == "virtual":
        options["force_virtual_addressing"] = True
    authority = botocore.session.get_session().get_config_variable("ca_bundle")
    # Arrow 20 takes no file of certificates; there, SSL_CERT_FILE does.
    if authority and int(pyarrow.__version__.partition(".")[0]) > 20:
        options["tls_ca_file_path"] = authority
    return options


def _region(place: S3Store) -> str | None:
    """Return the region by which requests are signed in the end; Arrow does not follow a redirect to another."""
    from share_dist.storage.s3_client import patiently

    client, signed = place.client, [""]

    def note(request: Any, **_: Any) -> None:
        signed.append(str(request.headers.get("Authorization", "")))

    client.meta.events.register("before-send.s3.ListObjectsV2", note)
    try:
        with place.asking("s3:ListBucket"):
            patiently(
                lambda: client.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix, MaxKeys=1), place.patience
            )
    finally:
        client.meta.events.unregister("before-send.s3.ListObjectsV2", note)
    found = _SIGNED_FOR.search(signed[-1])
    named = found[1] if found else client.meta.region_name
    return None if named == "aws-global" else named
