"""A bucket on this machine: moto's S3 server as a process of its own, strict where moto is lax."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

NAME, REGION = "share-dist", "us-east-1"
_READY_S = 60.0


@dataclass(frozen=True)
class LocalBucket:
    """A bucket of a server that runs for as long as its ``with`` block."""

    host: str
    port: int
    process: subprocess.Popen[str]

    @property
    def endpoint(self) -> str:
        """The server's address, as AWS_ENDPOINT_URL wants it."""
        return f"http://{self.host}:{self.port}"

    @property
    def uri(self) -> str:
        """The bucket's address, as --out wants it."""
        return f"s3://{NAME}"

    @property
    def environment(self) -> dict[str, str]:
        """What boto's chain needs to find the bucket; the keys open nothing but this server."""
        return environment_of(self.endpoint)


def environment_of(endpoint: str) -> dict[str, str]:
    """Return the environment of a process that should use the local bucket through this endpoint."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAONTHISMACHINE", "AWS_SECRET_ACCESS_KEY": "opens-nothing"}
    # Without the last, a process that has no keys asks the cloud's metadata service for some, and waits.
    return {**keys, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}


@contextmanager
def local_bucket(host: str = "127.0.0.1", port: int = 0) -> Iterator[LocalBucket]:
    """Serve an empty bucket at an address of this machine, on a free port unless one is given.

    Raises:
        errors.ExtraMissing: the server did not start; most often it is not installed.
    """
    from share_dist.errors import ExtraMissing

    # As a script without this package: it would import Ray and torch, and this starts in a second.
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, host, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise ExtraMissing(
                f"moto's S3 server did not start on {host}:{port}.\n"
                "  Install it: pip install 'share-dist[chaos]'. If it is installed, something else has the port."
            )
        bucket = LocalBucket(host, int(line), process)
        request = urllib.request.Request(f"{bucket.endpoint}/{NAME}", method="PUT")
        urllib.request.urlopen(request, timeout=_READY_S).close()
        yield bucket
    finally:
        # It ends with its standard input, also when this process is killed.
        process.stdin.close()
        process.wait()


Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def strict(application: Application) -> Application:
    """Make moto's application do what S3 does: refuse half a body, and decide conditional writes one at a time."""
    import io

    writing = threading.Lock()

    def answer(environment: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        # Without a length, as Arrow sends, werkzeug's stream ends with the last chunk.
        chunked = "chunked" in environment.get("HTTP_TRANSFER_ENCODING", "")
        length = int(environment.get("CONTENT_LENGTH") or 0)
        body = environment["wsgi.input"].read(-1 if chunked else length)
        if len(body) < length:
            start_response("400 Bad Request", [("Content-Length", "0")])
            return [b""]
        whole = {**environment, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        if environment["REQUEST_METHOD"] in ("GET", "HEAD"):
            return application(whole, start_response)
        with writing:
            return application(whole, start_response)

    return answer


def _serve(host: str, port: int) -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    application = strict(DomainDispatcherApplication(create_backend_app))
    server = make_server(host, port, application, threaded=True, request_handler=MotoRequestHandler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
