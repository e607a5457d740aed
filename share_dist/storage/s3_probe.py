"""All that a run asks of a bucket, asked once with small objects that are gone again afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from share_dist import errors
from share_dist.storage.s3_errors import IN_PARTS
from share_dist.storage.s3_transfer import (
    abort_parts,
    begin_parts,
    complete_parts,
    fetch_range,
    refuses_condition,
    send_part,
)
from share_dist.storage.stores import MACHINERY
from share_dist.storage.together import together

if TYPE_CHECKING:
    from share_dist.storage.s3 import S3Store

_UNLESS_THERE = {"IfNoneMatch": "*"}


def probe(store: S3Store) -> None:
    """List, put, put on conditions, put in parts, look, read and delete under the store's prefix, many at a time.

    Raises:
        errors.BucketRefused: one of them is refused, or done where it had to be refused; nothing stays behind.
    """
    store.list("config.json")
    trial = _Trial(store)
    try:
        together(_call, [trial.put, trial.create, lambda: trial.begin(trial.there), lambda: trial.begin(trial.joined)])
        together(
            _call,
            [trial.create_again, trial.change_unseen, trial.renew, trial.read, trial.read_range, trial.look]
            + [trial.join, trial.join_again],
        )
    except BaseException:
        with suppress(errors.ShareDistError):
            together(_call, trial.clearing)
        raise
    together(_call, trial.clearing)


def _call(request: Callable[[], None]) -> None:
    request()


class _Trial:
    """Three objects: one put as it is, one created and renewed as a lease is, one joined from parts."""

    def __init__(self, store: S3Store) -> None:
        stem = f"{MACHINERY}probe-{uuid.uuid4().hex}"
        self.store, self.nonce = store, uuid.uuid4().hex.encode()
        self.there, self.leased, self.joined = (f"{stem}-{what}" for what in ("there", "leased", "joined"))
        self.etag = ""
        self.uploads: dict[str, str] = {}
        self.parts: dict[str, list[dict[str, str]]] = {}

    def put(self) -> None:
        self.store.overwrite(self.there, self.nonce)

    def create(self) -> None:
        self._require_done(self.nonce, None, "If-None-Match")

    def begin(self, key: str) -> None:
        with self.store.asking(IN_PARTS):
            place = self.store.place(key)
            self.uploads[key] = begin_parts(place, {})
            self.parts[key] = [send_part(place, self.uploads[key], 1, self.nonce)]

    def create_again(self) -> None:
        if self.store.replace(self.there, b"other", None):
            raise self._unconditional("a put with If-None-Match")

    def change_unseen(self) -> None:
        if self.store.replace(self.there, b"other", f'"{"0" * 32}"'):
            raise self._unconditional("a put with If-Match")

    def renew(self) -> None:
        self._require_done(self.nonce[::-1], self.etag, "If-Match")

    def read(self) -> None:
        if self.store.read(self.there) != self.nonce:
            raise self._other_bytes()

    def read_range(self) -> None:
        with self.store.asking("s3:GetObject"):
            place = self.store.place(self.there)
            if fetch_range(place, 1, 5, None) != self.nonce[1:5]:
                raise self._other_bytes()

    def look(self) -> None:
        if not self.store.exists(self.there):
            raise errors.BucketRefused(
                f"bucket '{self.store.bucket}' does not show an object that was just put.\n"
                "  Runs need every write to be seen at once: use a server that does so, or a folder."
            )

    def join(self) -> None:
        with self.store.asking(f"{IN_PARTS} with If-None-Match"):
            self._complete(self.joined)

    def join_again(self) -> None:
        with self.store.asking(f"{IN_PARTS} with If-None-Match"):
            try:
                self._complete(self.there)
            except Exception as error:
                if refuses_condition(error):
                    return
                raise
        del self.uploads[self.there]
        raise self._unconditional("an upload in parts with If-None-Match")

    @property
    def clearing(self) -> list[Callable[[], None]]:
        """What leaves nothing behind: a bulk delete, a single one, and the end of what was not joined."""
        return [
            lambda: self.store.remove([self.there, self.joined]),
            lambda: self.store.remove([self.leased]),
            *(lambda key=key: abort_parts(self.store.place(key), self.uploads[key]) for key in self.uploads),
        ]

    def _complete(self, key: str) -> None:
        complete_parts(self.store.place(key), self.uploads[key], self.parts[key], "", _UNLESS_THERE)
        if key == self.joined:
            del self.uploads[key]

    def _require_done(self, data: bytes, seen: str | None, condition: str) -> None:
        etag = self.store.replace(self.leased, data, seen)
        if not etag:
            # An answer that was lost on the way makes our own put look like somebody else's.
            with suppress(FileNotFoundError):
                found, etag = self.store.read_tagged(self.leased)
                etag = etag if found == data else None
        if not etag:
            raise self._conditions(f"a put with {condition} was refused though it held")
        self.etag = etag

    def _unconditional(self, what: str) -> errors.BucketRefused:
        return self._conditions(f"{what} was done all the same")

    def _conditions(self, what: str) -> errors.BucketRefused:
        return errors.BucketRefused(
            f"bucket '{self.store.bucket}' does not keep to conditions: {what}.\n"
            "  Runs rely on them to have one driver and one writer: use a newer server of it, or a folder."
        )

    def _other_bytes(self) -> errors.BucketRefused:
        return errors.BucketRefused(
            f"bucket '{self.store.bucket}' gives back other bytes than were put.\n  Use another bucket or server."
        )
