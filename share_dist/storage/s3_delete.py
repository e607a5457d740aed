"""Deleting objects: a thousand in one request, or one by one where a server refuses that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from share_dist.storage.s3_client import ABSENT, Patience, error_code, error_status, may_pass, patiently
from share_dist.storage.together import together

log = logging.getLogger("share_dist")


def delete(client: Any, patience: Patience, bucket: str, keys: list[str]) -> None:
    """Delete objects, a thousand at most; those that are gone already are no error.

    Raises:
        ClientError: as S3 says, when an object can be deleted neither in bulk nor alone.
    """
    left = keys if len(keys) < 2 else delete_in_bulk(client, patience, bucket, keys)

    def alone(key: str) -> None:
        _unless_absent(lambda: patiently(lambda: client.delete_object(Bucket=bucket, Key=key), patience))

    # The first alone: what refuses it refuses a thousand.
    for key in left[:1]:
        alone(key)
    together(alone, left[1:])


def delete_in_bulk(client: Any, patience: Patience, bucket: str, keys: list[str]) -> list[str]:
    """Delete objects in one request and return those that are still to be deleted, each by its own request."""
    wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
    try:
        answer = patiently(lambda: client.delete_objects(Bucket=bucket, Delete=wanted), patience)
    except ClientError as error:
        # Google and older servers have no bulk delete, and no two of them say so alike. Alone, it shows what is wrong.
        if may_pass(error) or error_code(error) == "NoSuchBucket":
            raise
        log.debug("deleting one by one after %s %s to a bulk delete", error_status(error), error_code(error))
        return keys
    refused = [entry.get("Key") for entry in answer.get("Errors", [])]
    return [key for key in keys if key in refused] if None not in refused else keys


def _unless_absent(action: Callable[[], Any]) -> None:
    try:
        action()
    except ClientError as error:
        if error_code(error) not in ABSENT:
            raise
