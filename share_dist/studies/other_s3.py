"""Servers that know less of S3 than AWS, or other things, as our fault proxy plays them before a real one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Manner = Literal[
    "refuses checksums",  # 400 InvalidArgument, as Backblaze B2 did
    "does not know checksums",  # 501 NotImplemented, as s3proxy did
    "wants Content-MD5",  # 400 MissingContentMD5, as MinIO did, on all that has a body
    "no bulk delete",  # 501 NotImplemented
    "bulk delete is InvalidArgument",  # 400, as Google does
    "bulk delete is not allowed",  # 405 MethodNotAllowed
    "no conditions",  # 501 NotImplemented to If-None-Match and If-Match of a put
    "refuses conditions that hold",
    "ignores conditions",
    "ignores conditions of parts",
    "HEAD is forbidden",
    "HEAD is not allowed",
    "HEAD of the bucket is forbidden",  # as AWS does to keys that may list one prefix
    "absent is forbidden",  # 403 to GET and HEAD of what is not there, as Ceph does to such keys
    "no parts",
    "ends uploads",  # 404 NoSuchUpload to the request that would complete one
    "ignores ranges",
    "small objects only",  # 413 and HTML, as a proxy before it
    "error in a 200",  # to the first request that would complete an upload in parts
    "wants the bucket in its host",  # 403 SecondLevelDomainForbidden, as Alibaba OSS does
    "bucket in its host",  # takes every path for a key of the bucket
    "behind a path",  # a gateway that takes /behind/a/gateway off every path
    "wants region eu-west-1",  # 400 AuthorizationHeaderMalformed to other signatures
    "one key a page",
    "lists as in 2006",  # takes a listing of the second version for one of the first
    "redirects",  # 307 with the bucket's region
    "too many requests",  # 429 to the first request of each kind and object
    "no abort",  # 403 to the end of an upload in parts
    "web page",  # 200 and HTML, as a console
    "web page of an error",  # 400 and HTML, as a gateway that was spoken to in plain http
    "expired",
    "key OLD has expired",
    "invalid request",
    "full",
    "requester pays",
    "key denied",  # 403 for an action on the key that encrypts the bucket
    "network sign-in",  # 511 and HTML
    "redirects to a sign-in",  # 302, without a region
    "proxy wants a name",  # 407
]

_XML = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
_HEADER = "A header you provided implies functionality that is not implemented."
_KEY = "User: arn:aws:iam::1:user/me is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:key"
_CONDITIONS = {"if-none-match", "if-match"}
REGION = "eu-west-1"


@dataclass(frozen=True)
class Request:
    """What is asked of a server."""

    method: str
    path: str
    """With its query."""

    headers: Mapping[str, str]
    """Their names in small letters."""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's fields; those without a value too."""
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def has(self, *beginnings: str) -> str | None:
        """Return the first header whose name begins so."""
        return next((name for name in self.headers if name.startswith(beginnings)), None)

    @property
    def checksum(self) -> str | None:
        """The header by which a checksum is sent; those of answers are no such."""
        chunked = "aws-chunked" in self.headers.get("content-encoding", "")
        found = self.has("x-amz-checksum-", "x-amz-sdk-checksum-", "x-amz-trailer")
        return "content-encoding" if chunked else found if self.method in ("PUT", "POST") else None

    @property
    def completes_parts(self) -> bool:
        """Whether it makes parts one object."""
        return self.method == "POST" and "uploadId" in self.query


@dataclass(frozen=True)
class Answer:
    """What a server answers by itself."""

    status: int
    code: str
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    more: str = ""

    @property
    def body(self) -> bytes:
        """The error as S3 writes it, or a page of HTML where there is no code."""
        if not self.code:
            return b"<!DOCTYPE html><html><meta charset=utf-8><body>Please sign in<br></body></html>"
        return _XML.format(code=self.code, message=self.message, more=self.more).encode()


def answer(manners: set[Manner], request: Request, bucket: str, first: bool) -> Answer | None:
    """Return what a server of these manners answers by itself; None for what it does as S3 does.

    Args:
        manners: what is unlike S3.
        request: what is asked.
        bucket: the name of its bucket.
        first: whether no such request with this path came before.
    """
    if not manners:
        return None
    refusals = _refusals(request, bucket, first)
    return next((refusals[manner] for manner in sorted(manners) if refusals.get(manner)), None)


def _refusals(request: Request, bucket: str, first: bool) -> dict[str, Answer | None]:
    query, checksum, head = request.query, request.checksum, request.method == "HEAD"
    writes = request.method in ("PUT", "POST")
    body = request.method == "PUT" or "delete" in query
    answers = {
        "refuses checksums": checksum
        and Answer(400, "InvalidArgument", f"Unsupported header '{checksum}' received for this API call."),
        "does not know checksums": checksum and Answer(501, "NotImplemented", _HEADER),
        "wants Content-MD5": body
        and not request.has("content-md5")
        and Answer(400, "MissingContentMD5", "Missing required header for this request: Content-Md5."),
        "no bulk delete": "delete" in query and Answer(501, "NotImplemented", _HEADER),
        "bulk delete is InvalidArgument": "delete" in query and Answer(400, "InvalidArgument", "Invalid argument."),
        "bulk delete is not allowed": "delete" in query and Answer(405, "MethodNotAllowed"),
        "no conditions": writes and request.has(*_CONDITIONS) and Answer(501, "NotImplemented", _HEADER),
        "refuses conditions that hold": writes and request.has(*_CONDITIONS) and Answer(412, "PreconditionFailed"),
        "HEAD is forbidden": head and Answer(403, "AccessDenied"),
        "HEAD of the bucket is forbidden": head
        and urlsplit(request.path).path.strip("/") == bucket
        and Answer(403, "AccessDenied"),
        "HEAD is not allowed": head and Answer(405, "MethodNotAllowed"),
        "no parts": "uploads" in query and Answer(501, "NotImplemented", "Multipart is not implemented."),
        "error in a 200": request.completes_parts and first and Answer(200, "InternalError", "Please try again."),
        "ends uploads": request.completes_parts and Answer(404, "NoSuchUpload"),
        "small objects only": request.method == "PUT" and Answer(413, ""),
        "wants the bucket in its host": not request.headers.get("host", "").startswith(f"{bucket}.")
        and Answer(403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access."),
        "wants region eu-west-1": f"/{REGION}/" not in request.headers.get("authorization", "")
        and Answer(400, "AuthorizationHeaderMalformed", "The region is wrong.", more=f"<Region>{REGION}</Region>"),
        "redirects": f"/{REGION}/" not in request.headers.get("authorization", "")
        and Answer(307, "TemporaryRedirect", headers={"x-amz-bucket-region": REGION}),
        "too many requests": first and Answer(429, "TooManyRequests"),
        "no abort": request.method == "DELETE" and "uploadId" in query and Answer(403, "AccessDenied"),
        "web page": Answer(200, ""),
        "web page of an error": Answer(400, ""),
        "expired": Answer(400, "ExpiredToken", "The provided token has expired."),
        "key OLD has expired": "=OLD/" in request.headers.get("authorization", "")
        and Answer(400, "ExpiredToken", "The provided token has expired."),
        "invalid request": Answer(400, "InvalidRequest", "This request is not wanted here."),
        "requester pays": Answer(403, "AccessDenied", "Bucket is a Requester Pays bucket."),
        "key denied": request.method == "PUT" and Answer(403, "AccessDenied", _KEY),
        "network sign-in": Answer(511, ""),
        "redirects to a sign-in": Answer(302, "", headers={"Location": "https://login.example.com/?token=word"}),
        "proxy wants a name": Answer(407, ""),
        "full": request.method == "PUT" and Answer(507, "XMinioStorageFull", "No space is left."),
    }
    return {manner: found or None for manner, found in answers.items()}


def instead(manners: set[Manner], request: Request, status: int) -> Answer | None:
    """Return what a server of these manners answers where S3's answer has this status; None for the same."""
    is_absent = status == 404 and request.method in ("GET", "HEAD") and not request.query
    return Answer(403, "AccessDenied") if is_absent and "absent is forbidden" in manners else None


def rewritten(manners: set[Manner], request: Request, bucket: str) -> Request:
    """Return a request as a server of these manners understands it."""
    if "ignores conditions" in manners or ("ignores conditions of parts" in manners and request.completes_parts):
        kept = {name: value for name, value in request.headers.items() if name not in _CONDITIONS}
        request = replace(request, headers=kept) if request.method in ("PUT", "POST") else request
    if "ignores ranges" in manners:
        request = replace(request, headers={name: value for name, value in request.headers.items() if name != "range"})
    if "one key a page" in manners and "prefix" in request.query:
        request = replace(request, path=f"{request.path}&max-keys=1")
    if "lists as in 2006" in manners and "list-type" in request.query:
        request = replace(request, path=re.sub(r"(list-type|continuation-token)=[^&]*&?", "", request.path))
    if "behind a path" in manners:
        request = replace(request, path=request.path.removeprefix("/behind/a/gateway"))
    if {"wants the bucket in its host", "bucket in its host"} & manners:
        request = replace(request, path=f"/{bucket}{request.path}", headers={**request.headers, "host": "localhost"})
    return request
