"""Where the SMPL file is: known names in any letter case, in a folder as people unpack it, or the file itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from share_dist.errors import BadSetting, BodyFilesMissing, printable
from share_dist.storage import home_expanded

KNOWN_NAMES = {
    "neutral": (
        "SMPL_NEUTRAL.npz",
        "SMPL_NEUTRAL.pkl",
        "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
        "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
        "neutral_smpl_with_cocoplus_reg.pkl",
        "smpl/neutral/model.npz",
    ),
    "male": (
        "SMPL_MALE.npz",
        "SMPL_MALE.pkl",
        "basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
        "basicmodel_m_lbs_10_207_0_v1.0.0.pkl",
        "smpl_m.pkl",
        "smpl/male/model.npz",
    ),
    "female": (
        "SMPL_FEMALE.npz",
        "SMPL_FEMALE.pkl",
        "basicmodel_f_lbs_10_207_0_v1.1.0.pkl",
        "basicModel_f_lbs_10_207_0_v1.0.0.pkl",
        "smpl_f.pkl",
        "smpl/female/model.npz",
    ),
}
"""Names in the order of preference. Letter case does not matter, each may end in .npz, .pkl or .npy (the first of these
wins), and a conversion may have added `_py3`, `_clean` or the like."""

REGISTER_AT = {
    "neutral": "smpl.is.tue.mpg.de (version 1.1.0) or smplify.is.tue.mpg.de (1.0.0)",
    "male": "smpl.is.tue.mpg.de",
    "female": "smpl.is.tue.mpg.de",
}
DEEPEST = 4
"""Folders below the one named; SMPLify's download needs mpips_smplify_public_v2/smplify_public/code/models."""

MOST_ENTRIES = 5_000
"""Files and folders to look at below the folder that is named, which is itself read whole: `body.folder /` must not
read a disk, or wait for one behind a network."""

_ENDINGS = (".npz", ".pkl", ".npy")
_ADDED = r"((?: - |[-_. ])(?:p3|py3|python3|clean(?:ed)?|fix(?:ed)?|no_?chumpy|chumpy_?free|np|numpy|copy)| ?\(\d\))?"
_PACKED = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_OTHER_MODELS = re.compile(r"(smpl_?-?[xh]|mano|star|skel|flame)(?![a-z])", re.IGNORECASE)
_SHOWN = 12


@dataclass
class _Seen:
    """What a search came across, for the message that nothing was found."""

    files: list[Path] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    entries: int = 0
    problem: str = ""


def find_body_file(folder: Path, gender: str) -> Path:
    """Return the body file of a gender: the file that is named itself, or the best in a folder and those below it.

    The nearest folder wins; of folders equally near one named `smpl` comes first; then counts the order of KNOWN_NAMES,
    then the alphabet.

    Raises:
        BodyFilesMissing: there is none, or the folder cannot be read; says what was looked for and found.
        BadSetting: the file that is named is by its name another gender's.
    """
    place = home_expanded(folder).absolute()
    # os.path answers also for names that are too long and for folders that may not be entered.
    if os.path.exists(place) and not os.path.isdir(place):
        return _the_file(place, gender)
    seen = _Seen()
    for files in _levels(place, seen):
        ranks = {path: rank for path in files if (rank := _rank(path, gender)) is not None}
        if readable := [path for path in ranks if os.access(path, os.R_OK)]:
            return min(readable, key=lambda path: (_smpl_first(path.parent)[0], ranks[path], str(path)))
    raise BodyFilesMissing(_not_found(folder, place, gender, seen))


def _the_file(path: Path, gender: str) -> Path:
    whose = [other for other in KNOWN_NAMES if _rank(path, other) is not None]
    if whose and gender not in whose:
        raise BadSetting(
            f"body.folder is {path}, by its name the {whose[0]} model, but body.gender is '{gender}'.\n"
            f"  Set --body.gender {whose[0]}, or name the folder where the {gender} one is."
        )
    return path


def _levels(place: Path, seen: _Seen) -> Iterator[list[Path]]:
    """Files of a folder, then of all folders in it, and so on; what is met is noted on the way."""
    level = [place]
    for _ in range(DEEPEST + 1):
        files: list[Path] = []
        below: list[Path] = []
        for one in level if seen.entries <= MOST_ENTRIES else ():
            _look_into(one, files, below, seen, top=one is place)
        seen.files += files
        yield files
        level = sorted(below, key=_smpl_first)


def _smpl_first(folder: Path) -> tuple[bool, str]:
    return folder.name.lower() != "smpl", str(folder)


def _look_into(place: Path, files: list[Path], below: list[Path], seen: _Seen, *, top: bool) -> None:
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                seen.entries += not top
                if seen.entries > MOST_ENTRIES:
                    return
                path, is_folder = place / entry.name, _is(entry.is_dir)
                if is_folder and not entry.name.startswith("."):
                    below.append(path)
                if path.suffix.lower() in (*_ENDINGS, *_PACKED) and _is(entry.is_file):
                    files.append(path)
                elif top:
                    seen.others.append(entry.name + "/" * is_folder)
    except (OSError, ValueError) as error:
        if top:
            seen.problem = getattr(error, "strerror", None) or str(error)


def _is(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except OSError:
        return False  # a link in a circle, or into a folder that may not be read


def _rank(path: Path, gender: str) -> tuple[int, int, bool] | None:
    """How early a file stands in the order of preference, or None where its name is none of this gender's."""
    if path.suffix.lower() not in _ENDINGS:
        return None
    for place, known in enumerate(Path(name) for name in KNOWN_NAMES[gender]):
        folders = known.parent.parts
        found = re.fullmatch(re.escape(known.stem) + _ADDED, path.stem, re.IGNORECASE)
        around = tuple(part.lower() for part in path.parts[-1 - len(folders) : -1])
        if found and around == folders:
            return place, _ENDINGS.index(path.suffix.lower()), bool(found[1])
    return None


def _not_found(folder: Path, place: Path, gender: str, seen: _Seen) -> str:
    names = [str(path.relative_to(place)) for path in seen.files]
    listed = sorted(names, key=lambda name: (name.count("/"), name)) + sorted(seen.others)
    found = ", ".join(map(printable, listed[:_SHOWN])) or "nothing, the folder is empty"
    if len(listed) > _SHOWN:
        found += f", and {len(listed) - _SHOWN} more"
    if seen.problem:
        found = f"nothing, the folder cannot be read ({seen.problem})"
    return "\n".join(
        [
            f"no readable SMPL model for gender '{gender}' in {place}.",
            f"  Looked for: {', '.join(KNOWN_NAMES[gender])}, in any letter case, here and in the folders below",
            f"  Found:      {found}",
            *(f"  {hint}" for hint in _hints(folder, place, gender, seen)),
            f"  SMPL may not be redistributed: register at {REGISTER_AT[gender]} and set body.folder,",
            "  or leave body.folder out to try everything on the built-in figure without a licence.",
        ]
    )


def _may_be_one(path: Path) -> bool:
    """Whether a name, which says nothing, is one under which somebody may have saved a body."""
    return path.suffix.lower() in _ENDINGS and all(_rank(path, gender) is None for gender in KNOWN_NAMES)


def _hints(folder: Path, place: Path, gender: str, seen: _Seen) -> Iterator[str]:
    """What to do about what is there instead."""
    if re.search(r"(^|/)(s3|https?):/", str(folder)):
        yield "body.folder is a folder on each machine, not an address: copy the files there."
    for other in KNOWN_NAMES:
        if other != gender and (theirs := [path for path in seen.files if _rank(path, other) is not None]):
            yield f"{printable(theirs[0].name)} is the {other} model: to use it set --body.gender {other}."
    if unreadable := [path for path in seen.files if _rank(path, gender) is not None]:
        yield f"{printable(unreadable[0])} may not be read by this user: chmod u+r it."
    if packed := [path for path in seen.files if path.suffix.lower() in _PACKED]:
        yield f"{printable(packed[0].name)} is still packed: unpack it where it is."
    others = [path for path in seen.files if any(map(_OTHER_MODELS.match, path.relative_to(place).parts))]
    if others:
        yield f"{printable(others[0].name)} is not of SMPL, but of a model with another mesh, which does not fit."
    if unknown := [path for path in seen.files if path not in others and _may_be_one(path)]:
        yield f"If {printable(unknown[0].name)} is it, name the file itself: --body.folder {printable(unknown[0])}"
    if seen.entries > MOST_ENTRIES:
        yield f"The search ended after {MOST_ENTRIES:,} entries: name a folder nearer to the file."
