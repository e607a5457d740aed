"""Our bad network in front of a bucket: an HTTP proxy that fails on a seeded schedule and counts what it did."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from share_dist.errors import require_share
from share_dist.seeds import stream
from share_dist.studies import bucket, other_s3

Fault = Literal[
    "drop",  # the connection ends before the server has heard anything
    "lose the answer",  # the server has done it, and nobody hears of it
    "500",
    "503",  # SlowDown, as S3 answers too many requests
    "slow",
    "truncate",  # the connection ends in the middle of the body
    "other region",
    "clock",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)

_ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
_ANSWERS: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "500": (500, "InternalError", "We encountered an internal error. Please try again.", {}),
    "503": (503, "SlowDown", "Please reduce your request rate.", {}),
    "other region": (
        301,
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint.",
        {"x-amz-bucket-region": "eu-west-1"},
    ),
    "clock": (
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        {"Date": "Mon, 01 Jan 2035 00:00:00 GMT"},
    ),
    "denied": (403, "AccessDenied", "Access Denied", {}),
}
_HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "keep-alive", "server", "date"}


@dataclass(frozen=True)
class Schedule:
    """Which requests fail how: a pure function of the seed and the request's number."""

    seed: int
    share: float = 0.1
    """Part of all requests that fail."""

    kinds: tuple[Fault, ...] = FAULTS
    slow_s: float = 0.3

    def __post_init__(self) -> None:
        require_share(self.share, "schedule.share")

    def fault(self, number: int) -> Fault | None:
        """Return what happens to request `number`, from 0 on, of those that came while faults were on."""
        random = stream(self.seed, "bad-s3", number)
        return self.kinds[int(random.integers(len(self.kinds)))] if random.random() < self.share else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asked may be killed before the answer."""


class BadS3:
    """A proxy that runs for as long as its ``with`` block; see `bad_s3`."""

    def __init__(self, server: str, schedule: Schedule, host: str, port: int, tls: SSLContext | None = None) -> None:
        self.target = urlsplit(server)
        self._lock = threading.Lock()
        self._http = _Server((host, port), _handler(self))
        self._scheme = "https" if tls else "http"
        if tls:
            # Whoever does not trust us must not keep others waiting: each handshake is made in its own thread.
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.begin(schedule)

    def begin(self, schedule: Schedule) -> None:
        """Follow a schedule from its first request on, once `on` is set, and forget what was counted."""
        self.schedule = schedule
        self.on = False
        """Whether the schedule is followed; otherwise requests pass, and have no number."""

        self.denied: set[str] = set()
        """What is answered AccessDenied, on or off: ``list``, ``put``, ``conditional put``, ``get``, ``delete``."""

        self.manners: set[other_s3.Manner] = set()
        """What the server does otherwise than S3, on or off."""

        self.always: Fault | None = None
        """What happens to every request, whatever the schedule says."""

        self.counts: Counter[str] = Counter()
        """How often each fault was done, and under ``requests`` how many came while faults were on."""

        self.log: list[tuple[str, str]] = []
        """Method and path of every request that came, in order."""

    @property
    def endpoint(self) -> str:
        """The proxy's address, as AWS_ENDPOINT_URL wants it."""
        host, port = self._http.server_address[:2]
        return f"{self._scheme}://{host}:{port}"

    def next_fault(self, asked: str) -> str | None:
        """Number a request and return what is to be done to it."""
        with self._lock:
            fault = self._fault(asked)
            if fault:
                self.counts[fault] += 1
            return fault

    def _fault(self, asked: str) -> str | None:
        if asked in self.denied:
            return "denied"
        if self.always:
            return self.always
        if not self.on:
            return None
        self.counts["requests"] += 1
        return self.schedule.fault(self.counts["requests"] - 1)

    def start(self) -> None:
        """Answer requests, in threads, until `stop`."""
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def bad_s3(
    server: str, schedule: Schedule, host: str = "127.0.0.1", port: int = 0, tls: SSLContext | None = None
) -> Iterator[BadS3]:
    """Stand in front of an S3 server, on a free port unless one is given; faults begin when `on` is set.

    Args:
        server: the server's own endpoint.
        schedule: what fails when.
        host: address to listen on, such as the bridge of a cluster of namespace nodes.
        port: where to listen.
        tls: the proxy's certificate and key, for it to speak https.
    """
    proxy = BadS3(server, schedule, host, port, tls)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def what_is_asked(method: str, query: str, headers: Mapping[str, str]) -> str:
    """Name a request as `BadS3.denied` does."""
    if method == "PUT" or (method == "POST" and "delete" not in query):
        conditional = {"if-none-match", "if-match"} & {name.lower() for name in headers}
        return "conditional put" if conditional else "put"
    if method in ("POST", "DELETE"):
        return "delete"
    return "list" if "list-type" in query else "get"


def _handler(proxy: BadS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # In one piece: a head sent before its body waits 40 ms for the receiver's delayed acknowledgement.
        wbufsize = 1 << 16
        disable_nagle_algorithm = True

        def pass_on(self) -> None:
            body = _body(self)
            if body is None:
                self.close_connection = True
                return
            asked = what_is_asked(self.command, urlsplit(self.path).query, dict(self.headers))
            proxy.log.append((self.command, self.path))
            _answer(self, proxy, proxy.next_fault(asked), body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815

        def handle_expect_100(self) -> bool:
            """Tell the sender at once to go on with the body."""
            super().handle_expect_100()
            self.wfile.flush()
            return True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what is done is counted."""

    return Handler


def _body(request: BaseHTTPRequestHandler) -> bytes | None:
    """Return a request's body, sent with its length or in chunks; None when the sender was gone before its end."""
    if "chunked" not in request.headers.get("Transfer-Encoding", ""):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        return body if len(body) == length else None
    whole = bytearray()
    while size := int(request.rfile.readline().split(b";")[0] or b"-1", 16):
        part = request.rfile.read(max(size, 0))
        if len(part) != size or not request.rfile.readline():
            return None
        whole += part
    request.rfile.readline()
    return bytes(whole)


def _answer(request: BaseHTTPRequestHandler, proxy: BadS3, fault: str | None, body: bytes) -> None:
    if fault == "drop":
        request.close_connection = True
        return
    if fault in _ANSWERS:
        status, code, message, headers = _ANSWERS[fault]
        _send(request, status, headers, _ERROR.format(code=code, message=message).encode())
        return
    if fault == "slow":
        time.sleep(proxy.schedule.slow_s)
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = other_s3.Request(request.command, request.path, headers)
    first = bool(proxy.manners) and proxy.log.count((request.command, request.path)) == 1
    own = other_s3.answer(proxy.manners, asked, bucket.NAME, first)
    if own:
        _send(request, own.status, own.headers, own.body)
        return
    status, headers, data = _forward(other_s3.rewritten(proxy.manners, asked, bucket.NAME), proxy, body)
    if fault == "lose the answer":
        request.close_connection = True
        return
    own = other_s3.instead(proxy.manners, asked, status)
    if own:
        status, headers, data = own.status, own.headers, own.body
    _send(request, status, headers, data, cut=fault == "truncate")


def _forward(request: other_s3.Request, proxy: BadS3, body: bytes) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(proxy.target.hostname or "", proxy.target.port or 80, timeout=60)
    try:
        # With the Host it was signed for.
        headers = {name: value for name, value in request.headers.items() if name != "transfer-encoding"}
        connection.request(request.method, request.path, body, {**headers, "content-length": str(len(body))})
        answer = connection.getresponse()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_HEADERS}
        if request.method == "HEAD":
            headers["Content-Length"] = answer.getheader("Content-Length") or "0"
        return answer.status, headers, answer.read()
    except OSError:
        return 503, {}, _ERROR.format(code="ServiceUnavailable", message="The server behind does not answer.").encode()
    finally:
        connection.close()


def _send(
    request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], data: bytes, cut: bool = False
) -> None:
    request.send_response_only(status)
    for name, value in {"Content-Length": str(len(data)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command == "HEAD" or status == 204:
        return
    request.wfile.write(data[: len(data) // 2] if cut else data)
    request.close_connection = request.close_connection or cut
