"""A node's token, from Google's secret store; AWS's is in test_aws_bootstrap.py."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "cluster/fetch_token.py"
SECRET = "projects/mine/secrets/share-dist-ray-token"
TOKEN = "0123456789abcdef" * 4


class Google(BaseHTTPRequestHandler):
    """The metadata service and Secret Manager, each strict about who asks."""

    secret = TOKEN

    def do_GET(self) -> None:
        if self.path == "/computeMetadata/v1/instance/service-accounts/default/token":
            self.answer(self.headers["Metadata-Flavor"] == "Google", {"access_token": "permit"})
        elif self.path == f"/v1/{SECRET}/versions/latest:access":
            data = base64.b64encode(self.secret.encode()).decode()
            self.answer(self.headers["Authorization"] == "Bearer permit", {"payload": {"data": data}})
        else:
            self.send_error(404)

    def answer(self, permitted: bool, body: dict) -> None:
        self.send_response(200 if permitted else 403)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode() if permitted else b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a machine of Google's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Google)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    store = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": f"http://{host}/", "GCE_METADATA_HOST": host}
    yield {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **store}
    server.shutdown()
    server.server_close()


def fetch(machine: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), SECRET], env=machine, capture_output=True, text=True)


def test_the_token_becomes_a_file_of_its_owner_alone_and_is_not_printed(machine):
    done = fetch(machine)
    kept = Path(machine["HOME"]) / ".ray/auth_token"
    assert (kept.read_text(), oct(kept.stat().st_mode & 0o777)) == (TOKEN, "0o600")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_new_token_takes_the_place_of_a_readable_one(machine):
    kept = Path(machine["HOME"]) / ".ray/auth_token"
    kept.parent.mkdir()
    kept.write_text("old")
    kept.chmod(0o644)
    fetch(machine)
    assert (kept.read_text(), oct(kept.stat().st_mode & 0o777)) == (TOKEN, "0o600")
    assert [path.name for path in kept.parent.iterdir()] == ["auth_token"]


def test_a_secret_that_is_no_token_is_refused_and_the_old_one_kept(machine, monkeypatch):
    fetch(machine)
    monkeypatch.setattr(Google, "secret", "short")
    done = fetch(machine)
    assert done.returncode == 1
    assert "store another one" in done.stderr
    assert "short" not in done.stderr.replace("a token needs", "")
    assert (Path(machine["HOME"]) / ".ray/auth_token").read_text() == TOKEN


class Aws(BaseHTTPRequestHandler):
    """Secrets Manager of one region."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        permitted = "/eu-west-3/secretsmanager/" in self.headers["Authorization"]
        self.send_response(200 if permitted else 400)
        self.end_headers()
        self.wfile.write(json.dumps({"SecretString": TOKEN} if permitted else {}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.slow
def test_on_aws_the_region_is_found_where_the_other_sdks_find_it(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Aws)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    regions = {"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-1"}
    endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    machine = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **keys, **regions, **endpoint}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "share-dist/token"], env=machine, capture_output=True, text=True
    )
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".ray/auth_token").read_text() == TOKEN
