"""What a server understands of S3: the region of this machine, and how it is shown that all bytes arrived."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from boto3.session import Session
from botocore.config import Config

from share_dist.storage.s3_listing import read_page

_AWS = re.compile(r"(.+\.)?(amazonaws\.(com|com\.cn|eu)|api\.aws)")
_AWS_ITSELF = re.compile(r"s3[.-]([a-z0-9.-]+\.)?(amazonaws\.(com|com\.cn|eu)|api\.aws)")
_CHECKSUMS = {
    "request_checksum_calculation": "AWS_REQUEST_CHECKSUM_CALCULATION",
    "response_checksum_validation": "AWS_RESPONSE_CHECKSUM_VALIDATION",
}


def is_aws(endpoint: str) -> bool:
    """Whether a server is one of AWS's own, an endpoint inside a private network included."""
    return bool(_AWS.fullmatch(urlsplit(endpoint).hostname or ""))


def is_given(endpoint: str) -> bool:
    """Whether somebody chose this endpoint, rather than boto by the region."""
    return not _AWS_ITSELF.fullmatch(urlsplit(endpoint).hostname or "")


def client_for(config: Config) -> Any:
    """Return a boto client that speaks so that its server understands it.

    Since 2025 boto adds CRC32 checksums, in headers and over TLS in trailers. Many servers but AWS's refuse them, or
    want Content-MD5 in their place, which all know. So it stands in their place unless the usual variables or the
    profile ask for checksums.
    """
    core = botocore.session.get_session()
    # The other SDKs read AWS_REGION, and before AWS_DEFAULT_REGION; boto reads only that.
    session = Session(region_name=os.environ.get("AWS_REGION") or None, botocore_session=core)
    client = session.client("s3", config=config)
    if not is_aws(client.meta.endpoint_url):
        given = core.get_scoped_config()
        unset = {name for name, variable in _CHECKSUMS.items() if name not in given and not os.environ.get(variable)}
        if unset:
            plain = Config(**{name: "when_required" for name in unset})  # pyright: ignore[reportArgumentType]
            client = session.client("s3", config=config.merge(plain))
        if not adds_checksums(client):
            client.meta.events.register("before-sign.s3.DeleteObjects", _prefer_md5)
    client.meta.events.register("before-parse.s3.ListObjectsV2", read_page)
    return client


def adds_checksums(client: Any) -> bool:
    """Whether boto adds a checksum to each put of this client."""
    return client.meta.config.request_checksum_calculation == "when_supported"


def shown_whole(client: Any, body: bytes) -> dict[str, str]:
    """Return the argument of a put by which the server sees that all bytes arrived; none where boto adds a checksum."""
    return {} if adds_checksums(client) else {"ContentMD5": _md5(body)}


def _prefer_md5(request: Any, **_: Any) -> None:
    """Replace the checksum that boto gives a bulk delete, even when asked for none, by Content-MD5."""
    for name in list(request.headers):
        if name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum-")):
            del request.headers[name]
    request.headers["Content-MD5"] = _md5(request.body)


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
