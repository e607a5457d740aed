"""Many requests at once: a bucket takes a tenth of a second for one, and hardly longer for thirty-two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, TypeVar

AT_ONCE = 32
"""Requests under way at a time; our clients have connections for as many."""

A = TypeVar("A")
B = TypeVar("B")


def together(work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Return what the work gives for each item, in their order, done by threads; what one raises is raised."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(work, items))


class Background(Generic[B]):
    """Work handed to threads, a bounded amount at a time, while the caller goes on. The end of the block waits for all.

    What a thread raises is raised at the caller's next turn.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._under_way: set[Future[B]] = set()

    def __enter__(self) -> Background[B]:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way; after an error only for what has begun."""
        self._threads.shutdown(wait=True, cancel_futures=error is not None)

    def start(self, work: Callable[[], B]) -> None:
        """Hand over one piece of work, waiting while too many are under way."""
        while len(self._under_way) >= AT_ONCE and not any(each.done() for each in self._under_way):
            wait(self._under_way, return_when=FIRST_COMPLETED)
        self._under_way.add(self._threads.submit(work))

    def finished(self, all_of_it: bool = False) -> list[B]:
        """Return what has been finished since the last call; with `all_of_it`, wait until nothing is under way."""
        done = {each for each in self._under_way if all_of_it or each.done()}
        self._under_way -= done
        return [each.result() for each in done]
