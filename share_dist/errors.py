"""The few exceptions we raise, each saying what to do next.

One class per remedy, not per place. The first line of a message states the fact with its values, then what was
looked for, and the last line is a command or a setting.
"""

from __future__ import annotations

import difflib
import math
import numbers
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar


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


class NetworkFailed(ShareDistError):
    """A network under test answers NaN, infinity or no rotations in place of a person.

    Attributes:
        view: the first view it does so for.
        part: of its answer, or of what follows from it; "rotations" when those of its pose are none.
        network: what it is called.
        weights: its hash, where that is known.
    """

    def __init__(self, view: int, part: str, network: str = "the network", weights: str = ""):
        super().__init__(view, part, network, weights)
        self.view, self.part, self.network, self.weights = view, part, network, weights

    def __str__(self) -> str:
        said = f"answers NaN or infinity for view {self.view}: its {self.part} is not finite"
        if self.part == "rotations":
            said = f"answers no pose for view {self.view}: the numbers of its rotations are too large, or all zero"
        return (
            f"{self.network} {said}.\n"
            "  What was measured before is kept; the same command would stop at the same view.\n"
            "  Give another --model.checkpoint and another --out. What overflows in bfloat16 alone works with "
            "--survey.precision fp32."
        )


class NoCluster(WorkersLost):
    """No head of a Ray cluster answers at the address."""

    exit_status: ClassVar[int] = 2


class NoRoom(WorkersLost):
    """More is asked for than the machine or the cluster can ever hold, however long one waits."""

    exit_status: ClassVar[int] = 2


class WrongToken(ShareDistError, PermissionError):
    """The cluster asks for a token that this machine does not have."""


class OtherVersion(ShareDistError):
    """This machine's Ray or Python is not the cluster's, or none that we run on."""


class JobLost(ShareDistError):
    """A submitted job ended, again and again, without its command having ended."""


class StudyRefused(ShareDistError):
    """The database of a sweep's study cannot be reached, does not let us in, or holds something else."""


class RepairFailed(ShareDistError):
    """No round was accepted: the model is as it was before."""

    # The run is complete and can be read, so that a script must be able to tell it from one that never ran.
    exit_status: ClassVar[int] = 3


@dataclass(frozen=True)
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
    """Raise BadSetting unless value is a share in [0, 1]; `setting` is its full name, as `--rome.explore-share`."""
    if not 0.0 <= value <= 1.0:
        raise BadSetting(
            f"{_full_name(setting)} is {value}, but it is a share and must lie in [0, 1]; for a fifth write 0.2, "
            "not 20."
        )


def require_positive(value: float, setting: str) -> None:
    """Raise BadSetting unless value is above zero; `setting` is its full name."""
    if not value > 0:
        raise BadSetting(f"{_full_name(setting)} is {value}, but it must be greater than zero.")


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


def require_numbers(
    config: Any, owner: str, endless: tuple[str, ...] = (), values: Mapping[str, Any] | None = None
) -> None:
    """Raise BadSetting unless every number of a dataclass is one: finite, and whole where its type says so.

    Args:
        config: a dataclass, or its class, whose types are written as text; what is no number by its type is left alone.
        owner: what stands before a field's name in its full name: ``--rome.``.
        endless: fields that may be infinite.
        values: what the class would be made of, where it is not made yet.
    """
    for entry in (each for each in fields(config) if each.init):
        kind, setting = str(entry.type), _full_name(owner + entry.name)
        wanted, number = ("number", numbers.Real) if "float" in kind else ("whole number", numbers.Integral)
        given = getattr(config, entry.name) if values is None else values.get(entry.name, entry.default)
        for value in _numbers_in(given, kind):
            is_number = isinstance(value, number) and not isinstance(value, bool)
            if not is_number:
                raise BadSetting(f"{setting} is {value!r}, but it must be a {wanted}.")
            if entry.name not in endless and not _is_finite(value):
                raise BadSetting(f"{setting} is {value}, but it must be a finite {wanted}.")


def require_ranges(config: Any, owner: str, **ranges: tuple[float, float]) -> None:
    """Raise BadSetting unless these fields of a dataclass lie from low to high, or are None; see `require_numbers`."""
    for name, (low, high) in ranges.items():
        require_between(getattr(config, name), _full_name(owner + name), low, high)


def require_between(value: float | None, setting: str, low: float, high: float) -> None:
    """Raise BadSetting unless value lies from low to high, or is None; `setting` is its full name."""
    if value is not None and not low <= value <= high:
        default = "; leave it out for the default." if setting.startswith("--") else "."
        raise BadSetting(f"{setting} is {value}, but it must lie from {_short(low)} to {_short(high)}{default}")


def require_one_of(value: object, setting: str, known: Iterable[str]) -> None:
    """Raise BadSetting unless value is one of the known names; `setting` is its full name."""
    names = tuple(known)
    if value not in names:
        raise BadSetting(f"{setting} is {value!r}, but it must be one of {', '.join(names)}.")


def _full_name(setting: str) -> str:
    """Write an option with hyphens, some also as a search space names it; leave a number of a plan as it is."""
    if not setting.startswith("--"):
        return setting
    option, name = setting.replace("_", "-"), setting.removeprefix("--")
    both = "_" in name and name.partition(".")[0] in ("rome", "landscape", "scene", "render", "share")
    return f"{option}: {name}" if both else option


def _numbers_in(value: Any, kind: str) -> Iterator[Any]:
    if kind.removesuffix(" | None") in ("int", "float") and not (value is None and kind.endswith("None")):
        yield value
    elif value is not None and kind in ("tuple[float, ...]", "tuple[int, ...]"):
        yield from value


def _is_finite(value: Any) -> bool:
    """Also of whole numbers that are too large for a float."""
    return -math.inf < value < math.inf


def _short(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
