"""What a bucket's refusals mean, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from share_dist import errors
from share_dist.storage.s3_client import Garbled, error_code, error_status

_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"}
_NO_CREDENTIALS = {
    *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"),
    *("TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError", "NoAuthTokenError"),
}


@dataclass(frozen=True, slots=True)
class Asking:
    """What was being asked of a bucket when it refused."""

    bucket: str
    prefix: str
    permission: str
    """IAM's name of it, such as ``s3:PutObject``."""

    endpoint: str = ""
    """Of the server that was asked; empty before there is a client."""

    @property
    def where(self) -> str:
        """The bucket and its server, without whatever a URL may hide in its user part."""
        if not self.endpoint:
            return f"bucket '{self.bucket}'"
        address = urlsplit(self.endpoint)
        port = f":{address.port}" if address.port else ""
        return f"bucket '{self.bucket}' at {address.scheme}://{address.hostname}{port}"

    @property
    def resource(self) -> str:
        """The ARN a policy names for this permission."""
        if self.permission == "s3:ListBucket":
            return f"arn:aws:s3:::{self.bucket}"
        return f"arn:aws:s3:::{self.bucket}/{self.prefix + '/' if self.prefix else ''}*"


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
    except (BotoCoreError, ClientError) as error:
        # Without the cause: what boto says may quote headers, and this travels into logs.
        raise errors.BucketRefused(_words(error, what)) from None


def _words(error: Exception, what: Asking) -> str:
    kind, code = type(error).__name__, error_code(error)
    if kind in _NO_CREDENTIALS:
        return (
            f"no credentials were found for {what.where} ({kind}).\n"
            "  Give this machine an instance role, or run `aws configure`, or set AWS_PROFILE."
        )
    if kind == "NoRegionError":
        return f"no region was given for {what.where}.\n  Set AWS_REGION to the bucket's region."
    if not code:
        return (
            f"{what.where} cannot be reached ({kind}).\n"
            "  Check AWS_ENDPOINT_URL, the network and the proxy settings of this machine, then run the same command "
            "again: it goes on."
        )
    if code in _REGION:
        return _region(error, what)
    if code == "RequestTimeTooSkewed":
        return (
            f"{what.where} refuses requests because this machine's clock is wrong{_skew(error)}.\n"
            "  Set the clock, for example with `sudo chronyc makestep`, and run the same command again."
        )
    if code in ("NoSuchBucket", "InvalidBucketName"):
        return (
            f"there is no {what.where}.\n  Make it with `aws s3 mb s3://{what.bucket}`, or give another address; "
            "AWS_ENDPOINT_URL says on which server it is looked for."
        )
    if code in _CREDENTIALS:
        return (
            f"{what.where} does not accept these credentials ({code}).\n"
            "  See whose they are with `aws sts get-caller-identity`, and renew them or set AWS_PROFILE."
        )
    return _other(error, code, what)


def _other(error: Exception, code: str, what: Asking) -> str:
    if code in _DENIED:
        return (
            f"{what.where} does not allow {what.permission} ({code}).\n"
            f"  Allow {what.permission} on {what.resource} in the role's or the bucket's policy."
        )
    if error_status(error) == 501:
        return (
            f"the server of {what.where} does not know a request that is needed ({code}).\n"
            "  Runs need conditional writes (If-None-Match and If-Match): use a newer server, or a folder."
        )
    return (
        f"{what.where} keeps answering {error_status(error)} {code} to {what.permission}.\n"
        "  Run the same command again later: what is finished is kept, and it goes on from there."
    )


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
