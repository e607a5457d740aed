"""Whole objects to and from a bucket: in parts when they are large, and compared with their own SHA-256."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from share_dist import errors
from share_dist.storage.given import too_large
from share_dist.storage.s3_client import (
    ABSENT,
    Foreign,
    Garbled,
    Patience,
    Replaced,
    error_code,
    error_status,
    may_pass,
    patiently,
)
from share_dist.storage.s3_dialect import adds_checksums, shown_whole

log = logging.getLogger("share_dist")

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
    whole = shown_whole(place.client, data)
    return _etag(place.ask(place.client.put_object, Body=data, Metadata=metadata, **whole, **condition))


def refuses_condition(error: BaseException) -> bool:
    """Whether a put was refused because its condition does not hold."""
    # If-Match on what was deleted is answered as absent; of an upload in parts, a 200 may hold the refusal.
    return error_status(error) == 412 or error_code(error) in {"PreconditionFailed", *ABSENT}


def look(place: Place) -> Mapping[str, Any]:
    """Return what is known of an object without its bytes: by HEAD, or by GET where HEAD is refused.

    Raises:
        ClientError: as S3 says; one of `ABSENT` when there is none.
    """
    try:
        found = place.ask(place.client.head_object)
        _etag(found)
        return found
    except ClientError as error:
        # An answer to HEAD has no body. GET says why; and where HEAD alone is refused, the object is there.
        if error_status(error) == 404 or may_pass(error):
            raise
    answer = place.ask(place.client.get_object)
    answer["Body"].close()
    return answer


def _send_parts(place: Place, data: bytes, metadata: dict[str, str], condition: Condition) -> str:
    """Upload in parts; nobody sees any of it before the last request, which also holds the condition."""
    upload = begin_parts(place, metadata)

    def part(number: int) -> dict[str, Any]:
        return send_part(place, upload, number, data[(number - 1) * PART_BYTES : number * PART_BYTES])

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = list(pool.map(part, range(1, -(-len(data) // PART_BYTES) + 1)))
        return complete_parts(place, upload, parts, metadata[DIGEST], condition)
    except BaseException:
        abort_parts(place, upload)
        raise


def begin_parts(place: Place, metadata: dict[str, str]) -> str:
    """Begin an upload in parts and return its name."""
    checksum = _checksum(place)
    answer = place.ask(place.client.create_multipart_upload, Metadata=metadata, **checksum)
    if "UploadId" not in answer:
        raise Foreign
    return answer["UploadId"]


def send_part(place: Place, upload: str, number: int, body: bytes) -> dict[str, Any]:
    """Upload a part, from 1 on, and return what `complete_parts` needs of it."""
    checksum, whole = _checksum(place), shown_whole(place.client, body)
    sent = place.ask(place.client.upload_part, UploadId=upload, PartNumber=number, Body=body, **checksum, **whole)
    found = {"ChecksumCRC32": sent["ChecksumCRC32"]} if checksum and "ChecksumCRC32" in sent else {}
    return {"PartNumber": number, "ETag": _etag(sent), **found}


def abort_parts(place: Place, upload: str) -> None:
    """Give up an upload in parts, which otherwise stays, unseen, and costs what it holds."""
    try:
        place.client.abort_multipart_upload(**place.names, UploadId=upload)
    except (ClientError, BotoCoreError) as error:
        log.warning(
            "the unseen parts of s3://%s/%s stay in the bucket (%s): allow s3:AbortMultipartUpload there, or let a "
            "lifecycle rule delete incomplete uploads",
            place.bucket,
            place.key,
            error_code(error) or type(error).__name__,
        )


def _checksum(place: Place) -> dict[str, str]:
    return {"ChecksumAlgorithm": "CRC32"} if adds_checksums(place.client) else {}


def _etag(answer: Mapping[str, Any]) -> str:
    if "ETag" not in answer:
        raise Foreign
    return answer["ETag"]


def complete_parts(place: Place, upload: str, parts: list[dict[str, Any]], digest: str, condition: Condition) -> str:
    """Make the parts one object, if the condition holds, and return its ETag."""
    try:
        done = place.ask(
            place.client.complete_multipart_upload, UploadId=upload, MultipartUpload={"Parts": parts}, **condition
        )
        return _etag(done)
    except ClientError as error:
        # The answer to a first try that succeeded may have been lost on the way.
        if error_code(error) != "NoSuchUpload":
            raise
        try:
            found = look(place)
        except ClientError:
            raise error from None
        if found["Metadata"].get(DIGEST) != digest:
            raise
        return found["ETag"]


def fetch(place: Place, most_bytes: int | None = None) -> tuple[bytes, str]:
    """Return an object's bytes, compared with its size and hash, and its ETag.

    Args:
        place: where it is.
        most_bytes: what is larger is refused before it is read; None reads whatever is there.

    Raises:
        errors.DamagedFile: it is larger.
        ClientError: as S3 says; ``NoSuchKey`` when there is none.
        Garbled: what arrives is never what was stored.
    """
    return patiently(lambda: _fetch_once(place, most_bytes), place.patience)


def _fetch_once(place: Place, most_bytes: int | None) -> tuple[bytes, str]:
    answer = place.client.get_object(**place.names)
    size, etag = answer["ContentLength"], _etag(answer)
    if most_bytes is not None and size > most_bytes:
        answer["Body"].close()
        raise too_large(f"s3://{place.bucket}/{place.key}", size, most_bytes)
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
        data[start:stop] = fetch_range(place, start, stop, etag)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fill, range(0, size, PART_BYTES)))
    return bytes(data)


def fetch_range(place: Place, start: int, stop: int, etag: str | None) -> bytes:
    """Return bytes `start` to `stop` of an object, of whatever is there where `etag` is None.

    Raises:
        Replaced: the object has another ETag now.
        errors.BucketRefused: the server knows no ranges.
    """
    return patiently(lambda: _range(place, start, stop, {"IfMatch": etag} if etag else {}), place.patience)


def _range(place: Place, start: int, stop: int, condition: Condition) -> bytes:
    try:
        answer = place.client.get_object(**place.names, Range=f"bytes={start}-{stop - 1}", **condition)
    except ClientError as error:
        if error_code(error) in ("PreconditionFailed", "412"):
            raise Replaced from None
        raise
    if answer["ContentLength"] > stop - start:
        answer["Body"].close()
        raise errors.BucketRefused(
            f"the server of bucket '{place.bucket}' answers with all of an object where a part of it was asked for.\n"
            "  Runs need s3:GetObject with Range: use a newer server, or a folder."
        )
    body = answer["Body"].read()
    if len(body) != stop - start:
        raise Garbled(f"of s3://{place.bucket}/{place.key}, {len(body):,} of {stop - start:,} bytes arrive")
    return body
