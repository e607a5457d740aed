"""One boto client a process, and the patience with which it is used."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError, FlexibleChecksumError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnection

log = logging.getLogger("share_dist")

T = TypeVar("T")

_PASSING = {
    # A request that waited on a slow line was signed too long ago, and a bucket's first minutes answer with a redirect:
    # both pass. Where they do not, the last answer is put into words.
    *("RequestTimeTooSkewed", "PermanentRedirect", "AuthorizationHeaderMalformed"),
    *("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"),
    # Two conditional writes at once: one of them has to ask again.
    *("ConditionalRequestConflict", "OperationAborted"),
    # A HEAD is answered without a body, so that these may be any of the above.
    *("301", "400", "403"),
}
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


class Replaced(Exception):
    """An object became another one while it was read in ranges; all of it is to be read again."""


def s3_client(patience: Patience) -> Any:
    """Return this process's client, made anew after a fork and when boto's environment has changed."""
    environment = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
    with _CREATING:
        return _client(os.getpid(), environment, patience)


@lru_cache(maxsize=8)
def _client(process: int, environment: tuple[tuple[str, str], ...], patience: Patience) -> Any:
    return Session().client(
        "s3",
        config=Config(
            retries={"mode": "standard", "total_max_attempts": patience.attempts},
            connect_timeout=patience.connect_s,
            read_timeout=patience.read_s,
            max_pool_connections=32,
            tcp_keepalive=True,
        ),
    )


def patiently(action: Callable[[], T], patience: Patience) -> T:
    """Return what `action` returns, asking again after a pause of random length while the failure may pass."""
    for attempt in range(1, patience.tries + 1):
        try:
            return action()
        except Exception as error:
            # What was given up inside is not begun again outside: patience would multiply.
            if attempt == patience.tries or hasattr(error, _GIVEN_UP) or not _may_pass(error):
                setattr(error, _GIVEN_UP, True)
                raise
            log.debug("asking the bucket again after %s", type(error).__name__)
        time.sleep(random.uniform(0.0, min(0.2 * 2**attempt, _LONGEST_WAIT_S)))
    raise AssertionError("patience has at least one try")


def error_code(error: BaseException) -> str:
    """Return S3's own name of what went wrong, or the status as text, or nothing for what no server said."""
    return str(_answer(error).get("Error", {}).get("Code", ""))


def error_status(error: BaseException) -> int:
    """Return the HTTP status of an error answer; 0 for what no server said."""
    return int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answer(error: BaseException) -> Mapping[str, Any]:
    return error.response if isinstance(error, ClientError) else {}


def _may_pass(error: Exception) -> bool:
    if isinstance(error, (Garbled, NoConnection, HTTPClientError, IncompleteReadError, FlexibleChecksumError)):
        return True
    return error_code(error) in _PASSING or error_status(error) >= 500 and error_status(error) != 501
