"""Signals that ask a command to end: each stops it as Ctrl-C does, and a second one does not disturb the first."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType, TracebackType

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what systemd, Docker and Kubernetes send; a terminal that was closed."""
GRACE_S = 10.0
"""How long a command that was asked to end is left alone to do so. Later it can be asked again, lest it never ends."""

LONGEST_S = 45.0
"""How long after SIGTERM an ending may take. systemd asks Ray's processes to end too, and Ray waits a minute for them,
then aborts. Nothing is lost by an end without order: what is stored is whole."""


class Stopping:
    """While the ``with`` block lasts, a signal of `ASKING` raises KeyboardInterrupt where the main thread is.

    Outside the main thread, where Python lets nobody handle signals, it does nothing.
    """

    def __init__(self) -> None:
        self.status = 130
        """What a shell calls the end of a command that was stopped: 128 and the number of the first signal."""
        self._asked_at: float | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stopping:
        """Take over the signals, but for one that our caller ignores, as `nohup` does."""
        if threading.current_thread() is threading.main_thread():
            usual = (signal.SIG_DFL, signal.default_int_handler)
            found = {number: signal.getsignal(number) for number in ASKING}
            self._before = {number: handler for number, handler in found.items() if handler in usual}
            for number in self._before:
                signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back, unless the process is about to end because of one of them."""
        if self._asked_at is None:
            for number, handler in self._before.items():
                signal.signal(number, handler)  # pyright: ignore[reportArgumentType]  # it came from getsignal

    def _end_at_last(self) -> None:
        def end() -> None:
            time.sleep(LONGEST_S)
            os._exit(self.status)

        threading.Thread(target=end, name="end at last", daemon=True).start()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._asked_at is not None and time.monotonic() - self._asked_at < GRACE_S:
            return
        if self._asked_at is None:
            self.status = 128 + number
            if number != signal.SIGINT:
                self._end_at_last()
        self._asked_at = time.monotonic()
        # Ray Train ends a training in an orderly way at Ctrl-C, by a handler of its own.
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler) and handler != self._stop:
            handler(signal.SIGINT, frame)
        raise KeyboardInterrupt
