"""What a bucket's refusals mean, and what to do about each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from share_dist import errors
from share_dist.storage.s3_client import Foreign, Garbled, error_code, error_status, forget_clients, may_pass
from share_dist.storage.s3_dialect import is_aws
from share_dist.storage.s3_known import known_refusal
from share_dist.storage.s3_unanswered import (
    endpoint_setting,
    proxy_refuses,
    without_keys,
    words_before_an_answer,
    words_of_a_file,
)

_REGION = {
    *("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
    *("301", "302", "307", "308"),
}
_CREDENTIALS = {
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "RequestExpired"),
    *("InvalidToken", "TokenRefreshRequired", "InvalidClientTokenId", "UnrecognizedClientException", "401"),
}
_DENIED = {"AccessDenied", "Forbidden", "403"}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_LOST = {"NoSuchKey", "MethodNotAllowed", "404", "405"}
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "501", "405"}
_INVALID = {"InvalidArgument", "InvalidRequest", "400"}
_CHECKSUM = re.compile(r"checksum|chunked|trailer|content-?sha256|content-?md5|digest", re.IGNORECASE)

IN_PARTS = "s3:PutObject in parts"


@dataclass(frozen=True, slots=True)
class Asking:
    """What was being asked of a bucket when it refused."""

    bucket: str
    prefix: str
    permission: str
    """IAM's name of it, such as ``s3:PutObject``."""

    endpoint: str = ""
    """Of the server that was asked; empty before there is a client."""

    checksums: bool = False
    """Whether boto added a checksum to what was sent."""

    @property
    def where(self) -> str:
        """The bucket and its server, without whatever a URL may hide in its user part."""
        return f"bucket '{self.bucket}' at {_address(self.endpoint)}" if self.endpoint else f"bucket '{self.bucket}'"

    @property
    def resource(self) -> str:
        """The ARN a policy names for this permission."""
        if self.permission == "s3:ListBucket":
            return f"arn:aws:s3:::{self.bucket}"
        return f"arn:aws:s3:::{self.bucket}/{self.prefix + '/' if self.prefix else ''}*"

    @property
    def endpoint_without_bucket(self) -> str | None:
        """The endpoint as it should be where it names the bucket too, in its host or at the end of its path."""
        address = urlsplit(self.endpoint)
        path, _, last = address.path.rstrip("/").rpartition("/")
        if last == self.bucket:
            return _address(self.endpoint) + path
        host, _, rest = (address.hostname or "").partition(f"{self.bucket}.")
        return _address(self.endpoint).replace(f"//{self.bucket}.", "//", 1) if rest and not host else None


def _address(endpoint: str) -> str:
    address = urlsplit(endpoint)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


@contextmanager
def asking(what: Asking) -> Iterator[None]:
    """Turn what boto raises inside into an error that names the bucket and the remedy.

    Raises:
        errors.BucketRefused: it cannot be reached, is not there, or does not let us in.
        errors.DamagedFile: an object never arrives as it was stored.
    """
    try:
        yield
    except Garbled as error:
        raise errors.DamagedFile(
            f"{error}, again and again ({what.where}).\n"
            "  Delete that object's folder and run the same command again: only that stage is made anew."
        ) from None
    except (Foreign, ResponseParserError) as error:
        status = f" ({error})" if isinstance(error, Foreign) and str(error) else ""
        raise errors.BucketRefused(_foreign(what, status)) from None
    except (BotoCoreError, ClientError) as error:
        if error_code(error) in _CREDENTIALS:
            forget_clients()
        # Without the cause: what boto says may quote headers, and this travels into logs.
        raise errors.BucketRefused(_words(error, what)) from None
    except OSError as error:
        # Of a file or a program that gives credentials; what is not in the bucket has no such name.
        if error.filename is None:
            raise
        raise errors.BucketRefused(words_of_a_file(error, what.where)) from None


def _words(error: Exception, what: Asking) -> str:
    code = error_code(error)
    if not code:
        return words_before_an_answer(error, what.where, what.endpoint)
    if code == "407":
        return proxy_refuses(what.where)
    if code in _REGION:
        return _region(error, what)
    if code == "RequestTimeTooSkewed":
        return (
            f"{what.where} refuses requests because this machine's clock is wrong{_skew(error)}.\n"
            "  Set the clock, for example with `sudo chronyc makestep`, and run the same command again."
        )
    if what.endpoint_without_bucket and code in _NO_BUCKET | _LOST | _DENIED | {"SignatureDoesNotMatch"}:
        return (
            f"{what.where} answers {code} to {what.permission}, and the endpoint names the bucket already.\n"
            f"  Set {endpoint_setting()} to {what.endpoint_without_bucket}; s3://{what.bucket} names the bucket."
        )
    if code in _NO_BUCKET or (code in _LOST and not code.isdigit() and what.permission == "s3:ListBucket"):
        return (
            f"there is no {what.where} ({code}).\n  Make it with `aws s3 mb s3://{what.bucket}`, or give another "
            f"address; {endpoint_setting()} says on which server it is looked for."
        )
    return _refusal(error, code, what)


def _refusal(error: Exception, code: str, what: Asking) -> str:
    said = _said(error)
    if _is_about_checksums(error, code, said, what):
        return _checksum(code, said, what)
    if code in _CREDENTIALS:
        whose = (
            "See whose they are with `aws sts get-caller-identity`, and renew them or set AWS_PROFILE"
            if is_aws(what.endpoint)
            else "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE) to keys of this server, and "
            "AWS_REGION to its region"
        )
        return (
            f"{what.where} does not accept these credentials ({code}).\n"
            f"  {whose}; then run the same command again: it goes on."
        )
    known = known_refusal(code, said)
    if known:
        return f"{what.where} {known.fact} ({code}).\n  {known.remedy}."
    if code in _DENIED:
        return _denied(code, said, what)
    return _other(error, code, said, what)


def _other(error: Exception, code: str, said: str, what: Asking) -> str:
    if code in _UNKNOWN:
        wanted = (
            "conditional writes (If-None-Match and If-Match)" if " with If-" in what.permission else what.permission
        )
        return (
            f"the server of {what.where} does not know a request that is needed ({code} to {what.permission}).\n"
            f"  Runs need {wanted}: use a newer server, or a folder."
        )
    if may_pass(error):
        return (
            f"{what.where} keeps answering {error_status(error)} {code} to {what.permission}.\n"
            "  Run the same command again later: what is finished is kept, and it goes on from there."
        )
    if code.isdigit():
        return _foreign(what, f" ({code})")
    return (
        f"{what.where} refuses {what.permission} ({error_status(error)} {code}{f': {said}' if said else ''}).\n"
        f"  Compare {endpoint_setting()} and AWS_REGION with what the server's manual says for S3 clients, or use a "
        "folder."
    )


def _foreign(what: Asking, status: str = "") -> str:
    return (
        f"what answers for {what.where} is no S3 server{status}.\n"
        f"  Set {endpoint_setting()} to the address of the S3 service, not of its console or a proxy's sign-in page, "
        "and with https:// if that is what it speaks."
    )


def _is_about_checksums(error: Exception, code: str, said: str, what: Asking) -> bool:
    if may_pass(error) or _CHECKSUM.search(f"{code} {said}"):
        return not may_pass(error)
    if not what.checksums or is_aws(what.endpoint) or what.permission not in ("s3:PutObject", IN_PARTS):
        return False
    # Servers that know none may name a header alone, or sign other headers than we did, as Google's does.
    return code == "SignatureDoesNotMatch" or (code in _UNKNOWN | _INVALID and "header" in said.lower())


def _checksum(code: str, said: str, what: Asking) -> str:
    value, does = ("when_required", "refuses checksums") if what.checksums else ("when_supported", "wants checksums")
    return (
        f"{what.where} {does} in {what.permission} ({code}{f': {said}' if said else ''}).\n"
        f"  Set AWS_REQUEST_CHECKSUM_CALCULATION={value} and AWS_RESPONSE_CHECKSUM_VALIDATION={value} on every node."
    )


def _denied(code: str, said: str, what: Asking) -> str:
    # AWS says which action was not allowed; it may be one on the key that encrypts the bucket.
    found = re.search(r"not authorized to perform: ([a-z0-9]+:\w+)", said)
    action, resource = what.permission, what.resource
    if found and found[1].partition(":")[0] != "s3":
        action, resource = found[1], "the bucket's key"
    remedy = "Remove what denies" if "explicit deny" in said else "Allow"
    return (
        f"{what.where} does not allow {action} ({code}).\n"
        f"  {remedy} {action} on {resource} in the role's or the bucket's policy."
    )


def _said(error: Exception) -> str:
    response: Any = getattr(error, "response", {})
    return without_keys(str(response.get("Error", {}).get("Message") or ""))


def _region(error: Exception, what: Asking) -> str:
    response: Any = getattr(error, "response", {})
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or response.get("Error", {}).get("Region")
    return (
        f"{what.where} is in another region{f', {region}' if region else ''}, than requests are signed for.\n"
        f"  Set AWS_REGION={region or 'the region of the bucket'} on every node; same region, same machines, no fees."
    )


def _skew(error: Exception) -> str:
    """Say by how much, from the server's own clock on its answer."""
    headers = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        behind_s = (parsedate_to_datetime(headers["date"]) - datetime.now(UTC)).total_seconds()
    except (KeyError, TypeError, ValueError):
        return ""
    return f" by {abs(behind_s):,.0f} s" if abs(behind_s) > 60 else ""
