"""The metadata services of two clouds, as real servers: what they ask for, what they answer, and when they fail."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MetadataServer:
    """EC2's and Google's metadata at one address; counts what is asked, by path and status."""

    def __init__(self, host: str):
        self.asked: Counter[tuple[str, int]] = Counter()
        self.notice: dict | None = None
        self.preempted, self.broken = False, False
        self.tokens: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                wanted = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
                token = f"token-{len(outer.asked)}"
                outer.tokens.add(token)
                self.answer(200 if wanted else 400, token)

            def do_GET(self):
                if self.path == "/latest/meta-data/spot/instance-action":
                    known = self.headers["X-aws-ec2-metadata-token"] in outer.tokens
                    self.answer(401 if not known else 200 if outer.notice else 404, json.dumps(outer.notice))
                elif self.path == "/computeMetadata/v1/instance/preempted":
                    known = self.headers["Metadata-Flavor"] == "Google"
                    self.answer(200 if known else 403, "TRUE" if outer.preempted else "FALSE")
                else:
                    self.answer(404, "")

            def answer(self, status: int, text: str):
                status = 503 if outer.broken else status
                outer.asked[self.path, status] += 1
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.address = f"http://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
