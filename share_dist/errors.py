"""The few exceptions we raise, each saying what to do next.

One class per remedy, not per place. The first line of a message states the fact with its values, then what was
looked for, and the last line is a command or a setting.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class ShareDistError(Exception):
    """Anything a user can put right; the command line prints it without a traceback."""

    exit_status: ClassVar[int] = 2
    """What a command ends with when this is raised."""


class BadSetting(ShareDistError, ValueError):
    """A setting has a value or a name that cannot work."""


class BodyFilesMissing(ShareDistError, FileNotFoundError):
    """The body folder holds no SMPL file that we know by name."""


class UnsafePickle(ShareDistError):
    """A pickle names a class we do not load, because loading it could run a stranger's code."""


class DamagedFile(ShareDistError):
    """A file is truncated, altered, or holds arrays of the wrong shape or NaN."""


class WrongBody(ShareDistError):
    """Data, a checkpoint or a landscape was made with another body; its numbers mean something else here."""


class WrongArchitecture(ShareDistError):
    """A checkpoint's weights belong to another network."""


class WrongJoints(ShareDistError):
    """Joints of one named set were given where another set is needed."""


class OtherRun(ShareDistError):
    """The output folder already holds a run with other settings."""


class NotWritable(ShareDistError, PermissionError):
    """The output folder cannot be written."""


class StorageFull(ShareDistError, OSError):
    """The disk filled up; everything finished so far is kept."""


class BucketRefused(ShareDistError):
    """A bucket cannot be reached, is not there, or does not let us in; the message names the setting or permission."""


class BadBackgrounds(ShareDistError):
    """The folder of background pictures is empty or one of them cannot be read."""


class NoHeadlessGL(ShareDistError):
    """pyrender found no way to draw without a screen."""


class WorkersLost(ShareDistError):
    """Ray could not place or keep the actors a stage needs."""

    # What was lost may come back, and then the same command goes on: whoever submits it may try again.
    exit_status: ClassVar[int] = 4


class NamespacesRefused(ShareDistError):
    """This machine does not let us make the namespaces that a cluster on one machine is made of."""


class ExtraMissing(ShareDistError, ImportError):
    """A command needs packages of an optional extra, which are not installed."""


class TrainingDiverged(ShareDistError, FloatingPointError):
    """A training's gradient became infinite or not a number."""


class NoCluster(WorkersLost):
    """No head of a Ray cluster answers at the address."""

    exit_status: ClassVar[int] = 2


class WrongToken(ShareDistError, PermissionError):
    """The cluster asks for a token that this machine does not have."""


class OtherVersion(ShareDistError):
    """This machine's Ray or Python is not the cluster's."""


class JobLost(ShareDistError):
    """A submitted job ended, again and again, without its command having ended."""


class StudyRefused(ShareDistError):
    """The database of a sweep's study cannot be reached, does not let us in, or holds something else."""


class RepairFailed(ShareDistError):
    """No round was accepted: the model is as it was before."""

    # The run is complete and can be read, so that a script must be able to tell it from one that never ran.
    exit_status: ClassVar[int] = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a health check: what was looked at, whether it is well, and what to do if not."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def __post_init__(self) -> None:
        """Keep each part a line that can be shown, for many hold names that other machines gave themselves."""
        for part in ("name", "detail", "remedy"):
            object.__setattr__(self, part, printable(getattr(self, part)))


def nearest_name(given: str, known: Iterable[str]) -> str:
    """Return a hint such as ``; did you mean 'demo'?`` for a mistyped name, or the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(names)}"


def require_share(value: float, setting: str) -> None:
    """Raise BadSetting unless value is a share in [0, 1]; `setting` is its full name, as `rome.explore_share`."""
    if not 0.0 <= value <= 1.0:
        raise BadSetting(
            f"{setting} is {value}, but it is a share and must lie in [0, 1]; for a fifth write 0.2, not 20."
        )


def require_positive(value: float, setting: str) -> None:
    """Raise BadSetting unless value is above zero; `setting` is its full name."""
    if not value > 0:
        raise BadSetting(f"{setting} is {value}, but it must be greater than zero.")


_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_COMMANDS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode's categories of what a terminal may obey instead of show: controls, directions, surrogates, line ends."""


def printable(name: object) -> str:
    r"""Return a name, or other text from elsewhere, on one line and with all that a terminal would obey spelt out.

    An escape becomes ``\x1b``, a line end ``\n``, a mark that turns the direction of writing ``\u202e``.
    """
    text = str(name)
    return text if text.isprintable() else "".join(map(_spelt_out, text))


def printable_lines(text: object) -> str:
    """Return a text of several lines for a terminal: line ends and tabs stay, colours go, and the rest is spelt out."""
    lines = _COLOURS.sub("", str(text)).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)


def _spelt_out(character: str) -> str:
    if unicodedata.category(character) not in _COMMANDS:
        return character
    return character.encode("unicode_escape").decode("ascii")
