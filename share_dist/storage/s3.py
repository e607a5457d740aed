"""A bucket as a store: conditional puts, whole objects, keys and endpoint only from boto's own chain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from share_dist import errors
from share_dist.storage.folder import other_bytes
from share_dist.storage.s3_client import ABSENT, PATIENT, Foreign, Patience, error_code, patiently, s3_client
from share_dist.storage.s3_delete import delete
from share_dist.storage.s3_dialect import adds_checksums
from share_dist.storage.s3_errors import Asking, asking
from share_dist.storage.s3_transfer import DIGEST, Place, fetch, look, refuses_condition, send
from share_dist.storage.s3_unanswered import words_of_settings
from share_dist.storage.stores import Entry, is_plain, key_parts, manifests_and_others

_HEADERS = {"IfNoneMatch": "If-None-Match", "IfMatch": "If-Match"}
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class S3Store:
    """The part of a bucket below a prefix; see `Store`. It travels as an address; each process has its own client."""

    bucket: str
    prefix: str = ""
    patience: Patience = PATIENT

    @property
    def client(self) -> Any:
        """This process's boto client."""
        with asking(Asking(self.bucket, self.prefix, "sts:GetCallerIdentity")):
            try:
                return s3_client(self.patience)
            except BotoCoreError:
                raise
            except (ValueError, AttributeError, TypeError) as error:
                raise errors.BadSetting(words_of_settings(error, f"bucket '{self.bucket}'")) from None

    def uri(self, key: str = "") -> str:
        """Return the ``s3://`` address of a key."""
        return f"s3://{self.bucket}/{self._key(key)}".rstrip("/")

    def exists(self, key: str) -> bool:
        """Whether the object is there, complete."""
        return self._head(key) is not None

    def read(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the object's bytes, if they are not too many; FileNotFoundError when there is none."""
        return self.read_tagged(key, most_bytes)[0]

    def read_tagged(self, key: str, most_bytes: int | None = None) -> tuple[bytes, str]:
        """Return the object's bytes and the ETag by which `replace` knows whether it has changed since.

        Raises:
            FileNotFoundError: there is none.
            errors.DamagedFile: what arrives is never what was stored, or is more than `most_bytes`.
        """
        with self.asking("s3:GetObject"):
            try:
                return fetch(self.place(key), most_bytes)
            except Exception as error:
                if self._is_absent(key, error):
                    raise FileNotFoundError(f"there is no {self.uri(key)}") from None
                raise

    def write_once(self, key: str, data: bytes) -> None:
        """Store the bytes unless they are there already; refuse to change them (errors.OtherRun)."""
        if self._send(key, data, {"IfNoneMatch": "*"}) is not None:
            return
        try:
            found = self.digest(key)
        except FileNotFoundError:
            raise errors.BucketRefused(
                f"bucket '{self.bucket}' refused to write {self.uri(key)} because it is there, and it is not.\n"
                "  See that nobody deletes objects of the run, and run the same command again: it goes on."
            ) from None
        if found != _sha256(data):
            raise other_bytes(self.uri(key))

    def overwrite(self, key: str, data: bytes) -> None:
        """Store the bytes whatever was there, in one step."""
        self._send(key, data, {})

    def replace(self, key: str, data: bytes, seen: str | None) -> str | None:
        """Store the bytes only if the object is as it was seen.

        Args:
            key: which object.
            data: its new bytes.
            seen: the ETag it had; None where there was no such object.

        Returns:
            Its new ETag, or None when it has changed and nothing was written.
        """
        return self._send(key, data, {"IfMatch": seen} if seen else {"IfNoneMatch": "*"})

    def digest(self, key: str) -> str:
        """Return the SHA-256 of what is stored, as it says itself, or from its bytes where others wrote it."""
        found = self._head(key)
        return found["Metadata"][DIGEST] if found and DIGEST in found["Metadata"] else _sha256(self.read(key))

    def list(self, prefix: str = "") -> list[str]:
        """Return the sorted keys of all objects in the folder `prefix`, at any depth."""
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str = "") -> list[Entry]:
        """Return what `list` does, with sizes and times."""
        # Others mark folders with empty objects whose names end in a slash, or have parts that no path has.
        return [entry for entry in self._all(prefix) if is_plain(entry.key)]

    def delete(self, prefix: str) -> None:
        """Delete the folder `prefix`, manifests first."""
        key_parts(prefix)
        for keys in manifests_and_others(entry.key for entry in self._all(prefix)):
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                self.remove(keys[start : start + _DELETED_AT_ONCE])

    def _all(self, prefix: str) -> list[Entry]:
        """Return every object whose key begins with the folder's, in the order of S3, that of their names."""
        top = self._key(prefix)
        ask, arguments = "list_objects_v2", {"Bucket": self.bucket, "Prefix": f"{top}/" if top else ""}
        shorter = len(self.prefix) + 1 if self.prefix else 0
        found: list[Entry] = []
        with self.asking("s3:ListBucket"):
            while True:
                page = self._page(ask, arguments)
                for item in page.get("Contents", []):
                    found.append(Entry(item["Key"][shorter:], item["Size"], item["LastModified"].timestamp()))
                if page.get("IsTruncated") is False:
                    return found
                before = dict(arguments)
                if "NextContinuationToken" in page:
                    arguments["ContinuationToken"] = page["NextContinuationToken"]
                elif page.get("Contents"):
                    # Older servers take a listing for one of the first version.
                    ask, arguments["Marker"] = "list_objects", page["Contents"][-1]["Key"]
                if arguments == before:
                    raise Foreign

    def _page(self, ask: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return patiently(lambda: getattr(self.client, ask)(**arguments), self.patience)

    def remove(self, keys: list[str]) -> None:
        """Delete single objects, a thousand at most; those that are gone already are no error."""
        below = f"{self.prefix}/" if self.prefix else ""
        with self.asking("s3:DeleteObject"):
            delete(self.client, self.patience, self.bucket, [f"{below}{key}" for key in keys])

    def _send(self, key: str, data: bytes, condition: dict[str, str]) -> str | None:
        with self.asking(" with ".join(["s3:PutObject", *(_HEADERS[name] for name in condition)])):
            try:
                return send(self.place(key), data, condition)
            except Exception as error:
                if condition and refuses_condition(error):
                    return None
                raise

    def _head(self, key: str) -> Mapping[str, Any] | None:
        with self.asking("s3:GetObject"):
            try:
                return look(self.place(key))
            except Exception as error:
                if self._is_absent(key, error):
                    return None
                raise

    def _is_absent(self, key: str, error: Exception) -> bool:
        """Whether an error means that there is no such object.

        Servers say of what is absent that it is forbidden where one may not list; some do so too where one may list
        this prefix alone. A listing of it tells.
        """
        if error_code(error) not in {"AccessDenied", "403"}:
            return error_code(error) in ABSENT
        place = self.place(key)
        try:
            page = self._page("list_objects_v2", {"Bucket": self.bucket, "Prefix": place.key, "MaxKeys": 1})
        except (BotoCoreError, ClientError):
            return False
        return all(item["Key"] != place.key for item in page.get("Contents", []))

    def place(self, key: str) -> Place:
        """Return where an object lies, with the client that reaches it."""
        return Place(self.client, self.patience, self.bucket, self._key("/".join(key_parts(key))))

    def _key(self, key: str) -> str:
        return "/".join(part for part in (self.prefix, key.strip("/")) if part)

    def asking(self, permission: str) -> AbstractContextManager[None]:
        """Turn what boto raises inside into an error that names this bucket and the remedy; see `s3_errors.asking`."""
        client = self.client
        endpoint = client.meta.endpoint_url
        return asking(Asking(self.bucket, self.prefix, permission, endpoint, adds_checksums(client)))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
