"""A real browser for the page's tests: headless Chromium behind chromedriver's HTTP protocol, standard library only."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--force-device-scale-factor=1", "--hide-scrollbars")  # fmt: skip
REMEDY = "install them with: apt-get install chromium chromium-driver"


def missing() -> str:
    """Why there is no browser, or nothing."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and '.join(absent)} on this machine; {REMEDY}" if absent else ""


class Browser:
    """One window. Use as a context manager: it ends the processes it started."""

    def __init__(self, width: int = 1240, height: int = 1000):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = tempfile.mkdtemp(prefix="share-dist-browser-")
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.session = ""
        try:
            self._wait_for_driver()
            options = {
                "browserName": "chrome",
                "goog:chromeOptions": {"binary": shutil.which("chromium"),
                                       "args": [*FLAGS, f"--user-data-dir={self.folder}",
                                                f"--window-size={width},{height}"]},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }  # fmt: skip
            made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": options}})
            self.session = f"/session/{made['sessionId']}"
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the window, the driver and the profile."""
        if self.session:
            self._send("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, page: Path) -> None:
        """Load a file and wait until its scripts are through."""
        self.log("performance")  # what the window's start page asked for is not the page's
        self._send("POST", f"{self.session}/url", {"url": page.as_uri()})
        self.wait("document.documentElement.dataset.ready === 'yes'")

    def run(self, script: str) -> Any:
        """Value of a script's return statement."""
        return self._send("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        """Until a JavaScript expression holds."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {condition}; log: {self.log('browser')}")
            time.sleep(0.05)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A Chrome DevTools command."""
        return self._send("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def drag(self, start: tuple[float, float], by: tuple[float, float], kind: str = "mouse") -> None:
        """Press at a place of the window, move in a few steps, release."""
        moves = [{"type": "pointerMove", "duration": 20, "x": round(start[0] + by[0] * k / 4),
                  "y": round(start[1] + by[1] * k / 4)} for k in range(1, 5)]  # fmt: skip
        first = {"type": "pointerMove", "duration": 0, "x": round(start[0]), "y": round(start[1])}
        steps = [first, {"type": "pointerDown", "button": 0}, *moves, {"type": "pointerUp", "button": 0}]
        pointer = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": steps}
        self._send("POST", f"{self.session}/actions", {"actions": [pointer]})

    def hover(self, at: tuple[float, float]) -> None:
        """Move the mouse without pressing."""
        steps = [{"type": "pointerMove", "duration": 20, "x": round(at[0]), "y": round(at[1])}]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}
        self._send("POST", f"{self.session}/actions", {"actions": [pointer]})

    def press(self, key: str) -> None:
        """One key, by its WebDriver code point."""
        steps = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._send("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": steps}]})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Entries since the last call: `browser` is the console, `performance` holds the network."""
        return self._send("POST", f"{self.session}/se/log", {"type": kind})

    def requests(self) -> list[str]:
        """Addresses the page asked for; data URIs and the browser's own pages are left out."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith(("data:", "chrome:"))]

    def screenshot(self) -> bytes:
        """PNG of the window."""
        return base64.b64decode(self._send("GET", f"{self.session}/screenshot"))

    def _wait_for_driver(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                if self._send("GET", "/status")["ready"]:
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            if time.monotonic() > end:
                raise AssertionError("chromedriver did not answer within 20 s")
            time.sleep(0.05)

    def _send(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        # A proxy in the environment must not stand between us and our own driver.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as problem:
            raise AssertionError(f"{method} {path}: {problem.read().decode()[:800]}") from problem
