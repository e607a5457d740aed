"""The one place where commands print: whatever a name, a message or a log contains, a terminal only shows it."""

from __future__ import annotations

import errno
import io
import logging
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from share_dist.errors import StorageFull, printable_lines
from share_dist.masking import without_password


def say(text: object = "", end: str = "\n") -> None:
    """Print what a command found.

    Raises:
        errors.StorageFull: the output goes into a file, and its disk is full.
    """
    with naming_full_disk():
        print(printable_lines(text), end=end, flush=True)


@contextmanager
def naming_full_disk() -> Iterator[None]:
    """Print something, by whichever library.

    Raises:
        errors.StorageFull: the output goes into a file, and its disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _send_nowhere(sys.stdout)
        raise StorageFull(
            f"the output could not be written: {error.strerror}.\n  Make room there, or send it elsewhere."
        ) from error


def complain(text: object) -> None:
    """Print why a command ends otherwise than one wished; where that cannot be, its status still says it."""
    try:
        print(printable_lines(text), file=sys.stderr, flush=True)
    except OSError:
        _send_nowhere(sys.stderr)


def nobody_reads() -> bool:
    """Whether the reader of the output went away, as in `share-dist ls runs | head -1`; then nothing more is sent."""
    try:
        watch = select.poll()
        watch.register(sys.stdout, 0)
        sys.stdout.flush()
        closed = any(event & select.POLLERR for _, event in watch.poll(0))
    except BrokenPipeError:
        closed = True
    except io.UnsupportedOperation:
        return False  # a test's own stream
    if closed:
        _send_nowhere(sys.stdout)
    return closed


def _send_nowhere(stream: TextIO) -> None:
    """Give what is left in a stream's buffer a place to go when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class PlainFormatter(logging.Formatter):
    """Lines of a log, in which no message can look like the beginning of another one."""

    def format(self, record: logging.LogRecord) -> str:
        """Lay out a record, each further line of it moved to the right, and without passwords."""
        return printable_lines(without_password(super().format(record))).replace("\n", "\n    ")
