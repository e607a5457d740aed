"""The same place as Arrow sees it, for Ray Train and Tune, which write by Arrow only."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from share_dist.storage.address import open_store
from share_dist.storage.folder import FolderStore
from share_dist.storage.stores import Store


def arrow_place(store: Store) -> dict[str, Any]:
    """Return ``storage_path``, and for a bucket ``storage_filesystem``, as Ray's RunConfig takes them.

    Arrow finds keys by itself, where boto finds them, but not an endpoint that stands in a profile.
    """
    place = open_store(store.uri())
    if isinstance(place, FolderStore):
        return {"storage_path": place.uri()}
    from pyarrow.fs import S3FileSystem

    from share_dist.storage.s3 import S3Store

    assert isinstance(place, S3Store)
    known = place.client.meta
    endpoint = urlsplit(known.endpoint_url)
    elsewhere = not (endpoint.hostname or "").endswith(".amazonaws.com")
    filesystem = S3FileSystem(
        region=None if known.region_name == "aws-global" else known.region_name,
        scheme=endpoint.scheme,
        endpoint_override=endpoint.netloc if elsewhere else None,
    )
    return {"storage_path": place.uri().removeprefix("s3://"), "storage_filesystem": filesystem}
