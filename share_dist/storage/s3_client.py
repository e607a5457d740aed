"""One boto client a process, and the patience with which it is used."""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import ClientError, FlexibleChecksumError, HTTPClientError, IncompleteReadError, SSLError
from botocore.exceptions import ConnectionError as NoConnection

from share_dist.storage.s3_dialect import client_for
from share_dist.storage.s3_unanswered import require_no_blanks

log = logging.getLogger("share_dist")

T = TypeVar("T")

ABSENT = {"NoSuchKey", "404", "NotFound"}
"""What S3 calls an object that is not there."""

_PASSING = {
    # A request that waited on a slow line was signed too long ago, and a bucket's first minutes answer with a redirect:
    # both pass. Where they do not, the last answer is put into words.
    *("RequestTimeTooSkewed", "PermanentRedirect", "TemporaryRedirect"),
    *("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"),
    *("Throttling", "ThrottlingException", "TooManyRequests", "TooManyRequestsException", "RequestLimitExceeded"),
    # Two conditional writes at once: one of them has to ask again.
    *("ConditionalRequestConflict", "OperationAborted"),
}
_PASSING_STATUS = {408, 425, 429, *range(500, 600)} - {501, 505, 507, 511}
# A multipart upload may be answered 200 with any of these in its body, which boto makes a 500.
_LASTING = {"NotImplemented", "MethodNotAllowed", "PreconditionFailed", "InvalidRequest", "InvalidArgument"}
_LASTING |= {"EntityTooSmall", "EntityTooLarge", "InvalidPart", "AccessDenied", "NoSuchUpload"}
_LASTING_TLS = re.compile(r"\[Errno 2\]|WRONG_VERSION_NUMBER|CERTIFICATE_VERIFY_FAILED|NO_CERTIFICATE|record layer")
_REDIRECTS = {301, 302, 303, 307, 308}
_HEAD = 2000
"""Bytes in which a page of HTML says that it is one."""

_LONGEST_WAIT_S = 5.0
_GIVEN_UP = "given_up"
_CREATING = Lock()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking."""

    tries: int
    """Of ours, around a whole request and the reading of its body."""

    attempts: int
    """Of botocore's standard retry mode, inside each of ours."""

    connect_s: float
    read_s: float


PATIENT = Patience(tries=5, attempts=5, connect_s=5.0, read_s=30.0)
"""A node that is cut off for a minute or two goes on afterwards; nobody waits for much longer than five minutes."""

HASTY = Patience(tries=3, attempts=2, connect_s=4.0, read_s=10.0)
"""For the first look at a bucket, when a person waits for the answer."""


class Garbled(Exception):
    """A body arrived that is not what was stored; asking again may help."""


class Foreign(Exception):
    """An answer came that is none of S3's: what was asked is another kind of server. Its text says which, if any."""


class Replaced(Exception):
    """An object became another one while it was read in ranges; all of it is to be read again."""


def s3_client(patience: Patience) -> Any:
    """Return this process's client, made anew after a fork and when boto's environment has changed."""
    environment = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
    with _CREATING:
        return _client(os.getpid(), environment, patience)


def forget_clients() -> None:
    """Let the next request read the credentials anew, which somebody may have renewed in their file."""
    _client.cache_clear()


@lru_cache(maxsize=8)
def _client(process: int, environment: tuple[tuple[str, str], ...], patience: Patience) -> Any:
    require_no_blanks()
    client = client_for(
        Config(
            retries={"mode": "standard", "total_max_attempts": patience.attempts},
            connect_timeout=patience.connect_s,
            read_timeout=patience.read_s,
            max_pool_connections=32,
            tcp_keepalive=True,
        )
    )
    client.meta.events.register_first("needs-retry.s3", _refuse_foreign)
    return client


def _refuse_foreign(response: tuple[Any, Mapping[str, Any]] | None, **_: Any) -> None:
    """Refuse at once what is no answer of S3: boto follows a redirect in a circle, and takes a page for an error."""
    if response is None:
        return
    answer, parsed = response
    if answer.status_code in _REDIRECTS and "x-amz-bucket-region" not in answer.headers:
        if str(parsed.get("Error", {}).get("Code", "")).isdigit():
            there = urlsplit(answer.headers.get("Location", ""))
            host = f" to {there.scheme}://{there.netloc.rpartition('@')[2]}" if there.netloc else ""
            raise Foreign(f"{answer.status_code}{host}")
    elif answer.status_code == 500 and answer.raw.status == 200:
        start = answer.content[:_HEAD].lstrip().lower()
        if not start.startswith(b"<") or b"<html" in start:
            raise Foreign


def patiently(action: Callable[[], T], patience: Patience) -> T:
    """Return what `action` returns, asking again after a pause of random length while the failure may pass."""
    for attempt in range(1, patience.tries + 1):
        try:
            return action()
        except Exception as error:
            # What was given up inside is not begun again outside: patience would multiply.
            if attempt == patience.tries or hasattr(error, _GIVEN_UP) or not may_pass(error):
                setattr(error, _GIVEN_UP, True)
                raise
            log.debug("asking the bucket again after %s", type(error).__name__)
        time.sleep(random.uniform(0.0, min(0.2 * 2**attempt, _LONGEST_WAIT_S)))
    raise AssertionError("patience has at least one try")


def error_code(error: BaseException) -> str:
    """Return S3's own name of what went wrong, or the status as text, or nothing for what no server said."""
    code = str(_answer(error).get("Error", {}).get("Code") or "")
    return code or (str(error_status(error)) if error_status(error) else "")


def error_status(error: BaseException) -> int:
    """Return the HTTP status of an error answer; 0 for what no server said."""
    return int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answer(error: BaseException) -> Mapping[str, Any]:
    return error.response if isinstance(error, ClientError) else {}


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed later with nothing changed but the time."""
    if isinstance(error, SSLError) and _LASTING_TLS.search(str(error)):
        return False
    if isinstance(error, (Garbled, NoConnection, HTTPClientError, IncompleteReadError, FlexibleChecksumError)):
        return True
    code = error_code(error)
    return code in _PASSING or (code not in _LASTING and error_status(error) in _PASSING_STATUS)
