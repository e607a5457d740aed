"""Refusals of buckets that are known by their code or their words, with what to do about each."""

from __future__ import annotations

import re
from typing import NamedTuple


class Known(NamedTuple):
    """A refusal: what shows it, what it means, and the remedy."""

    shown_by: str
    """A regular expression, found in the code and the words of an answer in letters of any case."""

    fact: str
    remedy: str


_KNOWN = (
    Known(
        "SecondLevelDomainForbidden|virtual.host",
        "wants the bucket's name in its host",
        "Run `aws configure set s3.addressing_style virtual` on every node",
    ),
    Known(
        "QuotaExceeded|StorageFull|InsufficientStorage|^507",
        "is full",
        "Free some space or raise its quota, and run the same command again: it goes on",
    ),
    Known(
        "InvalidObjectState",
        "has moved an object of the run to an archive",
        "Restore it with `aws s3api restore-object`, and leave runs out of the bucket's lifecycle rules",
    ),
    Known(
        "AccountProblem|AllAccessDisabled|NotSignedUp",
        "is closed to its account",
        "See what the server's console says of the account, or ask its support",
    ),
    Known(
        "object lock",
        "keeps its objects from being deleted for a time",
        "Use a bucket without object lock: runs renew and delete objects of their own",
    ),
    Known(
        "^413|EntityTooLarge",
        "takes no object as large as one of the run's",
        "Raise the limit of the server, or of the proxy before it such as nginx's client_max_body_size, to 20 MB",
    ),
    Known(
        "NoSuchUpload",
        "has ended an upload in parts before it was whole",
        "Let its lifecycle rules spare uploads of the last two days, and run the same command again: it goes on",
    ),
    Known(
        r"^KMS\.",
        "cannot use the key that encrypts it",
        "Enable that key, or give the bucket another default encryption",
    ),
    Known(
        "requester.pays|request-payer",
        "is paid for by whoever asks, which runs do not offer to",
        "Copy what you need with `aws s3 cp --request-payer requester`, or use a bucket of your own",
    ),
)


def known_refusal(code: str, said: str) -> Known | None:
    """Return what an answer's code and words are known to mean, if anything."""
    return next((known for known in _KNOWN if re.search(known.shown_by, f"{code} {said}", re.IGNORECASE)), None)
