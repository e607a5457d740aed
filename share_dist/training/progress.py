"""What a training says while it runs: metrics.jsonl, TensorBoard curves, and a line at most every ten seconds.

Rank 0 writes the files and puts its newest line into Ray's key-value store; the driver reads it there and logs it, so
that one sees the same on a laptop and in `ray job logs`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

from share_dist.learning import StepReport
from share_dist.storage import Store, sealed_line, unsealed_lines
from share_dist.training.curves import Curves

log = logging.getLogger("share_dist")
METRICS, CURVES = "metrics.jsonl", "tensorboard"
LINE_EVERY_S = 10.0
CURVE_EVERY_STEPS = 10
_NAMESPACE = b"share_dist"
_WITHOUT_METRICS = "Delete it and run the same command again: the training goes on, and its curves begin there."


class RankLog:
    """Rank 0's files and lines.

    The files are kept whole in memory, and put into the store, which may be a bucket, now and then: with
    each line that is said, before each checkpoint and at the end.
    """

    def __init__(self, name: str, channel: str, store: Store, start: int, batch_size: int) -> None:
        """Take up the lines of the steps before `start`, and forget what a killed attempt wrote after them."""
        self.name, self.channel, self.batch_size, self.store = name, channel, batch_size, store
        self.lines: list[str] = []
        self.recent: deque[StepReport] = deque(maxlen=50)
        self.curves = Curves()
        for report in _reports_before(store, start):
            self._note(report)
        store.delete(CURVES)
        self.said, self.not_kept_before = time.monotonic(), 0.0

    def step(self, report: StepReport) -> None:
        """Note one step."""
        self._note(report)
        if time.monotonic() - self.said >= LINE_EVERY_S:
            self.say()
            if time.monotonic() >= self.not_kept_before:
                self.keep()

    def keep(self) -> None:
        """Put the files into the store as they are now, a checkpoint's steps before the checkpoint itself."""
        begun = time.monotonic()
        self.store.overwrite(METRICS, "".join(self.lines).encode())
        self.store.overwrite(f"{CURVES}/events.out.tfevents.{self.name.replace(' ', '-')}", bytes(self.curves))
        # A long training's files are large, and a bucket may be slow: at most a twentieth of the time goes into this.
        self.not_kept_before = time.monotonic() + 20 * (time.monotonic() - begun)

    def _note(self, report: StepReport) -> None:
        self.recent.append(report)
        self.lines.append(sealed_line(_rounded(asdict(report))) + "\n")
        if report.step % CURVE_EVERY_STEPS == 0:
            values = {"loss": report.loss, "learning_rate": report.learning_rate, "wait_share": self.wait_share()}
            for key, value in {**values, **report.terms}.items():
                self.curves.add(f"{self.name}/{key}", value, report.step)

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
        """Say the last line and keep the files."""
        if self.recent:
            self.say()
        self.keep()


def _reports_before(store: Store, start: int) -> list[StepReport]:
    """Return the steps before `start` that metrics.jsonl holds, each once.

    Raises:
        errors.DamagedFile: a line has changed since it was written.
    """
    if not store.exists(METRICS):
        return []
    kept: dict[int, StepReport] = {}
    for line in unsealed_lines(store.read(METRICS), store.uri(METRICS), _WITHOUT_METRICS):
        with suppress(TypeError):
            report = StepReport(**line)
            kept[report.step] = report
    return [report for step, report in sorted(kept.items()) if step < start]


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
