"""What stands between us and a bucket before its server has answered: settings, credentials, the network, TLS."""

from __future__ import annotations

import os
import re

import botocore.session
from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError, PartialCredentialsError, ProxyConnectionError, SSLError

from share_dist.errors import nearest_name

_SSO = {"TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError", "NoAuthTokenError", "SSOError"}
_NO_CREDENTIALS = {"NoCredentialsError", "CredentialRetrievalError", "RefreshWithMFAUnsupportedError"}
_QUOTABLE = {
    *("ConfigParseError", "ConfigNotFound", "InvalidConfigError", "InvalidChecksumConfigError", "InvalidRegionError"),
    *("InvalidRetryModeError", "InvalidMaxRetryAttemptsError", "InvalidS3AddressingStyleError", "UnknownRegionError"),
    *("InvalidDefaultsMode", "InvalidSTSRegionalEndpointsConfigError", "InvalidRetryConfigurationError"),
    *("InvalidProxiesConfigError", "InvalidEndpointConfigurationError", "InfiniteLoopConfigError"),
    *("EndpointResolutionError", "EndpointVariantError"),
}
"""Errors about a setting whose texts hold its name and value and no key."""

_CORRECT = "Correct that setting: it is an AWS_* variable or stands in ~/.aws/config; `aws configure list` shows them."
_WITHOUT_BLANKS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
)


def words_before_an_answer(error: Exception, where: str, endpoint: str) -> str:
    """Return what kept a request from being answered, and what to do.

    Args:
        error: what boto raised, not an answer of the server.
        where: the bucket and its server, as they are named in messages.
        endpoint: the server's address as it is set; empty before there is a client.
    """
    kind = type(error).__name__
    if kind == "ProfileNotFound":
        return _profile(where)
    if isinstance(error, PartialCredentialsError) or kind in _NO_CREDENTIALS | _SSO:
        return _credentials(error, where)
    if kind == "NoRegionError":
        return f"no region was given for {where}.\n  Set AWS_REGION to the bucket's region."
    if isinstance(error, SSLError):
        return _tls(error, where, endpoint)
    if isinstance(error, ProxyConnectionError):
        if " 407 " in str(error.kwargs.get("error")):
            return proxy_refuses(where)
        return (
            f"{where} cannot be reached, because the proxy of this machine does not answer ({kind}).\n"
            "  Correct HTTPS_PROXY or HTTP_PROXY, or put the server's host into NO_PROXY."
        )
    if isinstance(error, (NoConnection, HTTPClientError)):
        or_https = " (https:// if that is what the server speaks)" if endpoint.startswith("http:") else ""
        return (
            f"{where} cannot be reached ({kind}).\n"
            f"  Check {endpoint_setting()}{or_https}, the network and the proxy settings of this machine, then run the "
            "same command again: it goes on."
        )
    said = f": {without_keys(str(error))}" if kind in _QUOTABLE else ""
    return f"requests to {where} cannot be made ({kind}{said}).\n  {_CORRECT}"


def words_of_a_file(error: OSError, where: str) -> str:
    """Return that a file or a program that settings name cannot be used, and what to do."""
    return (
        f"no credentials were found for {where}: {error.filename} cannot be used ({error.strerror}).\n"
        "  Correct what names it: AWS_WEB_IDENTITY_TOKEN_FILE or another AWS_* variable, or credential_process in "
        "~/.aws/config."
    )


def words_of_settings(error: Exception, where: str) -> str:
    """Return that no client can be made of the settings, and what to do."""
    if isinstance(error, ValueError):
        said = without_keys(str(error))
        remedy = error.remedy if isinstance(error, Blank) else _CORRECT
        if "endpoint:" in said.lower():
            remedy = f"Set {endpoint_setting()} to http://host:port, or unset it."
        return f"no client can be made for {where}: {said}.\n  {remedy}"
    return (
        f"no client can be made for {where}: a section of ~/.aws/config is not as it should be.\n"
        "  Write indented lines below a setting such as `s3 =`, and nothing behind it."
    )


class Blank(ValueError):
    """A variable holds a line end or a blank, as secrets do that were stored from a file."""

    def __init__(self, name: str):
        super().__init__(f"{name} begins or ends with a blank or holds a line end")
        self.remedy = f'Set it without, for example with {name}="$(echo ${name})".'


def require_no_blanks() -> None:
    """Raise `Blank` for the first variable that a header of a request could not hold."""
    for name in _WITHOUT_BLANKS:
        value = os.environ.get(name, "")
        if value != value.strip() or "\n" in value or "\r" in value:
            raise Blank(name)


def proxy_refuses(where: str) -> str:
    """Return that a proxy wants to know who asks, and what to do."""
    return (
        f"{where} cannot be reached, because the proxy of this machine wants a name and a password (407).\n"
        "  Set HTTPS_PROXY or HTTP_PROXY to http://name:password@host:port, or put the server's host into NO_PROXY."
    )


def endpoint_setting() -> str:
    """Return where the endpoint was set, or is to be set."""
    variables = [name for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if os.environ.get(name)]
    return variables[0] if variables else "AWS_ENDPOINT_URL (or endpoint_url in the profile)"


def without_keys(text: str) -> str:
    """Return a text on one line without what may be a key, a token or a password in an address."""
    text = re.sub(r"//[^/\s]*@", "//", " ".join(text.split()))
    return re.sub(r"\b[A-Z0-9]{16,}\b|[A-Za-z0-9+/=_]{32,}", "…", text)[:300].rstrip(". ")


def _profile(where: str) -> str:
    name = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE", "")
    known = botocore.session.get_session().available_profiles
    return (
        f"no credentials were found for {where}: there is no profile '{name}'"
        f"{nearest_name(name, known) if known else ''}.\n"
        "  Set AWS_PROFILE to a profile of ~/.aws/config or of the file AWS_CONFIG_FILE names, or unset it."
    )


def _credentials(error: Exception, where: str) -> str:
    kind = type(error).__name__
    if kind in _SSO:
        return f"the sign-in for {where} has ended or was never made ({kind}).\n  Run `aws sso login`."
    if isinstance(error, PartialCredentialsError):
        return f"half of the credentials for {where} are missing.\n  Set {error.kwargs['cred_var']} too."
    how = "nothing gave" if kind == "NoCredentialsError" else "what should give them failed"
    return (
        f"no credentials were found for {where}: {how} ({kind}).\n"
        "  Give this machine an instance role, or run `aws configure`, or set AWS_PROFILE."
    )


def _tls(error: SSLError, where: str, endpoint: str) -> str:
    cause, text = error.kwargs.get("error"), str(error)
    if "[Errno 2]" in text:
        file = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or "ca_bundle of the profile"
        return (
            f"{where} cannot be reached: the file of certificates to trust, {file}, is not there.\n"
            "  Set AWS_CA_BUNDLE to the file of the authority that signed the server's certificate, or unset it."
        )
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        address = re.sub(r"//[^/\s]*@", "//", endpoint)
        return (
            f"{where} does not speak https.\n"
            f"  Set {endpoint_setting()} to {address.replace('https:', 'http:', 1)}, or to the port that speaks https."
        )
    return (
        f"{where} cannot be trusted: {without_keys(str(cause or text))}.\n"
        "  Set AWS_CA_BUNDLE to the file of the authority that signed the server's certificate, and name the server in "
        f"{endpoint_setting()} as its certificate does."
    )
