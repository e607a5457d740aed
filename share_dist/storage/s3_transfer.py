"""Whole objects to and from a bucket: in parts when they are large, and compared with their own SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from share_dist.storage.s3_client import Garbled, Patience, Replaced, error_code, patiently

PART_BYTES = 8 << 20
"""Size of one part or range: large enough to be worth a request, small enough that a lost one costs little."""

AT_ONCE = 8
"""Parts in flight: S3 gives a single connection some 80 MB/s, and eight of them fill a node's line."""

DIGEST = "sha256"
"""Name of the metadata field that holds an object's hash, so that no manifest is needed to know it arrived whole."""

Condition = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """One object in a bucket, and the client that reaches it."""

    client: Any
    patience: Patience
    bucket: str
    key: str

    @property
    def names(self) -> dict[str, str]:
        """Bucket and key as every request wants them."""
        return {"Bucket": self.bucket, "Key": self.key}

    def ask(self, request: Callable[..., Any], **arguments: Any) -> Any:
        """Make one request about this object, patiently."""
        return patiently(lambda: request(**self.names, **arguments), self.patience)


def send(place: Place, data: bytes, condition: Condition) -> str:
    """Store an object in one step and return its ETag.

    Args:
        place: where.
        data: its bytes.
        condition: ``{"IfNoneMatch": "*"}``, ``{"IfMatch": etag}``, or nothing to replace whatever is there.

    Raises:
        ClientError: with status 412 when the condition does not hold; others as S3 says.
    """
    metadata = {DIGEST: hashlib.sha256(data).hexdigest()}
    if len(data) > 2 * PART_BYTES:
        return _send_parts(place, data, metadata, condition)
    return place.ask(place.client.put_object, Body=data, Metadata=metadata, **condition)["ETag"]


def _send_parts(place: Place, data: bytes, metadata: dict[str, str], condition: Condition) -> str:
    """Upload in parts; nobody sees any of it before the last request, which also holds the condition."""
    client = place.client
    upload = place.ask(client.create_multipart_upload, Metadata=metadata, ChecksumAlgorithm="CRC32")["UploadId"]

    def part(number: int) -> dict[str, Any]:
        body = data[(number - 1) * PART_BYTES : number * PART_BYTES]
        sent = place.ask(client.upload_part, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        checksum = {"ChecksumCRC32": sent["ChecksumCRC32"]} if "ChecksumCRC32" in sent else {}
        return {"PartNumber": number, "ETag": sent["ETag"], **checksum}

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = list(pool.map(part, range(1, -(-len(data) // PART_BYTES) + 1)))
        return _complete(place, upload, parts, metadata[DIGEST], condition)
    except BaseException:
        with suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(**place.names, UploadId=upload)
        raise


def _complete(place: Place, upload: str, parts: list[dict[str, Any]], digest: str, condition: Condition) -> str:
    try:
        done = place.ask(
            place.client.complete_multipart_upload, UploadId=upload, MultipartUpload={"Parts": parts}, **condition
        )
        return done["ETag"]
    except ClientError as error:
        # The answer to a first try that succeeded may have been lost on the way.
        if error_code(error) != "NoSuchUpload":
            raise
        found = place.ask(place.client.head_object)
        if found["Metadata"].get(DIGEST) != digest:
            raise
        return found["ETag"]


def fetch(place: Place) -> tuple[bytes, str]:
    """Return an object's bytes, compared with its size and hash, and its ETag.

    Raises:
        ClientError: as S3 says; ``NoSuchKey`` when there is none.
        Garbled: what arrives is never what was stored.
    """
    return patiently(lambda: _fetch_once(place), place.patience)


def _fetch_once(place: Place) -> tuple[bytes, str]:
    answer = place.client.get_object(**place.names)
    size, etag = answer["ContentLength"], answer["ETag"]
    if size > 2 * PART_BYTES:
        answer["Body"].close()
        try:
            data = _fetch_ranges(place, size, etag)
        except Replaced:
            raise Garbled(f"s3://{place.bucket}/{place.key} was replaced while it was read") from None
    else:
        data = answer["Body"].read()
    wanted = answer["Metadata"].get(DIGEST)
    if wanted and hashlib.sha256(data).hexdigest() != wanted:
        raise Garbled(f"s3://{place.bucket}/{place.key} arrives with {len(data):,} bytes that do not have its SHA-256")
    return data, etag


def _fetch_ranges(place: Place, size: int, etag: str) -> bytes:
    data = bytearray(size)

    def fill(start: int) -> None:
        stop = min(start + PART_BYTES, size)
        body = patiently(lambda: _range(place, start, stop, etag), place.patience)
        data[start:stop] = body

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fill, range(0, size, PART_BYTES)))
    return bytes(data)


def _range(place: Place, start: int, stop: int, etag: str) -> bytes:
    try:
        answer = place.client.get_object(**place.names, Range=f"bytes={start}-{stop - 1}", IfMatch=etag)
    except ClientError as error:
        if error_code(error) in ("PreconditionFailed", "412"):
            raise Replaced from None
        raise
    body = answer["Body"].read()
    if len(body) != stop - start:
        raise Garbled(f"of s3://{place.bucket}/{place.key}, {len(body):,} of {stop - start:,} bytes arrive")
    return body
