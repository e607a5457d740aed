"""The one place where commands print: whatever a name, a message or a log contains, a terminal only shows it."""

from __future__ import annotations

import logging
import sys

from share_dist.errors import printable_lines


def say(text: object = "", end: str = "\n") -> None:
    """Print what a command found."""
    print(printable_lines(text), end=end, flush=True)


def complain(text: object) -> None:
    """Print why a command ends otherwise than one wished."""
    print(printable_lines(text), file=sys.stderr, flush=True)


class PlainFormatter(logging.Formatter):
    """Lines of a log, in which no message can look like the beginning of another one."""

    def format(self, record: logging.LogRecord) -> str:
        """Lay out a record, each further line of it moved to the right."""
        return printable_lines(super().format(record)).replace("\n", "\n    ")
