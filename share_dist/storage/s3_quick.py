"""Many small objects of a bucket, read with a fourth of boto's work: signed and sent as boto did the first of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import quote

import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from share_dist.storage.s3 import S3Store
from share_dist.storage.s3_client import Patience
from share_dist.storage.s3_transfer import DIGEST
from share_dist.storage.stores import Around, key_parts
from share_dist.storage.together import AT_ONCE

_SIGNING = "before-sign.s3.GetObject"
_MAY_PASS = {200, 404, 408, 429, *range(500, 600)}
"""Answers after which others are asked for in the same way: a body may be garbled on its way, or gone meanwhile."""


class Quick(Around):
    """A bucket of which each run's settings are read for a list; boto needs 3 ms of a core for each.

    Whatever does not plainly answer with the object is asked again by boto, with its patience and our words.
    """

    def __init__(self, store: S3Store):
        super().__init__(store)
        self._bucket, self._learning = store, Lock()
        self._get: Callable[[str], bytes | None] | None = None

    def read(self, key: str) -> bytes:
        """See `Store`."""
        with self._learning:
            if self._get is None:
                data, self._get = _learn(self._bucket, key)
                return data
        found = self._get(key)
        return self.store.read(key) if found is None else found


def _learn(store: S3Store, key: str) -> tuple[bytes, Callable[[str], bytes | None]]:
    """Return an object as boto gets it, and what gets others likewise, or nothing where it does not get them."""
    events, signed = store.client.meta.events, {}

    def note(**what: Any) -> None:
        signed.update(what)

    events.register(_SIGNING, note)
    try:
        data = store.read(key)
    finally:
        events.unregister(_SIGNING, note)
    tail, request = _quoted(key), signed["request"]
    if signed["signature_version"] != "s3v4" or not request.url.endswith(f"/{tail}"):
        return data, lambda key: None
    chosen = request.context.get("signing", {})
    signer = signed["request_signer"].get_auth_instance(
        chosen.get("signing_name", signed["signing_name"]), chosen.get("region", signed["region_name"]), "s3v4"
    )
    return data, _Get(signer, request.url.removesuffix(tail), request.headers["User-Agent"], store.patience)


class _Get:
    """What gets an object's bytes, or nothing where the answer is not plainly the object."""

    def __init__(self, signer: Any, top: str, agent: str, patience: Patience):
        self._signer, self._top, self._headers = signer, top, {"User-Agent": agent}
        self._works = True
        authority = botocore.session.get_session().get_config_variable("ca_bundle")
        # Typed as a bool, and a file's name too.
        trusted: Any = authority or os.environ.get("REQUESTS_CA_BUNDLE", True)
        self._session = URLLib3Session(
            verify=trusted,
            proxies=get_environ_proxies(top),
            timeout=(patience.connect_s, patience.read_s),
            max_pool_connections=AT_ONCE,
        )

    def __call__(self, key: str) -> bytes | None:
        if not self._works:
            return None
        request = AWSRequest("GET", self._top + _quoted(key), self._headers)
        try:
            self._signer.add_auth(request)
            answer = self._session.send(request.prepare())
        except BotoCoreError:
            return None
        if answer.status_code == 200 and "ETag" in answer.headers:
            wanted = answer.headers.get(f"x-amz-meta-{DIGEST}")
            if not wanted or hashlib.sha256(answer.content).hexdigest() == wanted:
                return answer.content
        # A server that wants more than this is not asked in vain two thousand times.
        self._works = answer.status_code in _MAY_PASS
        return None


def _quoted(key: str) -> str:
    return quote("/".join(key_parts(key)), safe="/~")
