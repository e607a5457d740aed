"""What a training says while it runs: metrics.jsonl, TensorBoard curves, and a line at most every ten seconds.

Rank 0 writes the files and puts its newest line into Ray's key-value store; the driver reads it there and logs it, so
that one sees the same on a laptop and in `ray job logs`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

from share_dist.learning import StepReport
from share_dist.storage import Store, writing

log = logging.getLogger("share_dist")
LINE_EVERY_S = 10.0
CURVE_EVERY_STEPS = 10
_NAMESPACE = b"share_dist"


class RankLog:
    """Rank 0's files and lines."""

    def __init__(self, name: str, channel: str, store: Store, start: int, batch_size: int) -> None:
        """Open the files and forget what a killed attempt wrote after step `start`."""
        # tensorboardX takes a second to import, and only rank 0 of a training needs it.
        from tensorboardX import SummaryWriter

        self.name, self.channel, self.batch_size = name, channel, batch_size
        self.path = store.local_path("metrics.jsonl")
        with writing(self.path):
            _keep_lines_before(self.path, start)
            # Line by line: a killed process must not take the steps before its checkpoint with it.
            self.lines = open(self.path, "a", buffering=1, encoding="utf-8")  # noqa: SIM115  # closed by close()
        self.curves = SummaryWriter(str(store.local_path("tensorboard/events").parent), purge_step=start)
        self.recent: deque[StepReport] = deque(maxlen=50)
        self.said = time.monotonic()

    def step(self, report: StepReport) -> None:
        """Note one step."""
        self.recent.append(report)
        with writing(self.path):
            self.lines.write(json.dumps(_rounded(asdict(report))) + "\n")
        if report.step % CURVE_EVERY_STEPS == 0:
            values = {"loss": report.loss, "learning_rate": report.learning_rate, "wait_share": self.wait_share()}
            for key, value in {**values, **report.terms}.items():
                self.curves.add_scalar(f"{self.name}/{key}", value, report.step)
        if time.monotonic() - self.said >= LINE_EVERY_S:
            self.say()

    def say(self) -> None:
        """Put the newest line where the driver reads it."""
        self.said = time.monotonic()
        _internal_kv_put(self.channel.encode(), self.line().encode(), overwrite=True, namespace=_NAMESPACE)

    def wait_share(self) -> float:
        """Return the share of recent steps' time spent waiting for pictures."""
        return sum(r.waited_seconds for r in self.recent) / max(sum(r.seconds for r in self.recent), 1e-9)

    def line(self) -> str:
        """Return progress as one line: step, loss and terms, speed, waiting, time to go."""
        last = self.recent[-1]
        seconds = sum(r.seconds for r in self.recent) / len(self.recent)
        left = int(seconds * (last.total_steps - last.step - 1))
        terms = " ".join(f"{name} {value:.4f}" for name, value in last.terms.items())
        return (
            f"{self.name} training  step {last.step + 1:,}/{last.total_steps:,}  loss {last.loss:.4f}  ({terms})  "
            f"{self.batch_size / seconds:,.0f} pictures/s  waiting {self.wait_share():.0%}  "
            f"eta {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        )

    def close(self) -> None:
        """Flush and close the files."""
        if self.recent:
            self.say()
        self.lines.close()
        self.curves.close()


def _keep_lines_before(path: Path, start: int) -> None:
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] < start:
                kept.append(line + "\n")
        except (ValueError, KeyError):
            continue  # the last line of a killed process may be half a line
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(path)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Keep seven digits of each number: as many as float32 has."""
    rounded = {key: float(f"{value:.7g}") if isinstance(value, float) else value for key, value in values.items()}
    return {key: _rounded(value) if isinstance(value, dict) else value for key, value in rounded.items()}


class DriverEcho:
    """Reads rank 0's newest line every second and hands it to `say`, in a thread, while training lasts."""

    def __init__(self, channel: str, say: Callable[[str], None] = log.info) -> None:
        self.channel, self.say = channel.encode(), say
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.last = b""

    def __enter__(self) -> DriverEcho:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        self._look()
        _internal_kv_del(self.channel, namespace=_NAMESPACE)

    def _run(self) -> None:
        while not self.stop.wait(1.0):
            self._look()

    def _look(self) -> None:
        line = _internal_kv_get(self.channel, namespace=_NAMESPACE)
        if line and line != self.last:
            self.last = line
            self.say(line.decode())
