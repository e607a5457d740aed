"""Streams and log are prepared once: signs that a terminal lacks are written plainly, and no password is printed."""

from __future__ import annotations

import codecs
import io
import logging
import os
import sys
import traceback
from types import TracebackType

from share_dist.cli.say import PlainFormatter, complain
from share_dist.masking import without_password

_PLAIN = str.maketrans("–—−→←…·×±µ≤≥§“”‘’│─╭╮╰╯", "---><..x+u<>S\"\"''|-++++")
_HANDLER = "share_dist_plain"
_QUIETER = ("matplotlib", "numba", "OpenGL", "filelock", "urllib3", "boto3", "botocore")


def plain_signs(error: UnicodeError) -> tuple[str, int]:
    r"""Replace what a terminal's encoding lacks: dashes and boxes by similar signs, the rest by `\u1234`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def prepare_output() -> None:
    """Let everything that this process prints, logs or raises be readable in its terminal, and free of passwords."""
    codecs.register_error(_HANDLER, plain_signs)
    _fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Also for UTF-8, which has no bytes for a file's name that is not text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in _QUIETER:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sys.excepthook = _print_unexpected


def _fill_closed_streams() -> None:
    """Put the null device where a stream was closed, as by `>&-`: else a file of ours would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115


def _print_unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as Python does, without the passwords that a library's message may hold."""
    complain(without_password("".join(traceback.format_exception(kind, error, trace)).rstrip()))
