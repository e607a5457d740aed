"""The words of a command line: `~` is a home folder wherever it stands, and no message repeats a password."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

from share_dist.cli.say import naming_full_disk
from share_dist.errors import BadSetting
from share_dist.masking import masked_words
from share_dist.storage import home_expanded

EXPANDED_WHERE_USED = ("body.folder", "scene.background-folder")
"""Settings by which a run is known again, and that stand in its folder as they were written, with their `~`."""

_NARROWEST = 20

Options = TypeVar("Options")


def with_home(words: Sequence[str]) -> list[str]:
    """Return the words with `~` expanded, as a shell does it for `--out ~/x` but not for `--out=~/x` or '~/x'.

    Raises:
        errors.BadSetting: there is no such user, or this one has no home; or a word is empty.
    """
    expanded = []
    for before, word in zip(("", *words), words, strict=False):
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if not value.strip() and (equals or not option):
            what = option or (before if before.startswith("-") else "a word of the command line")
            raise BadSetting(
                f"{what} is empty, as where a variable is not set: an empty place would be this folder.\n"
                "  Give a value, or leave the option out."
            )
        name = (option or before).lstrip("-").replace("_", "-")
        home = str(home_expanded(value)) if value.startswith("~") else value
        expanded.append(word if name in EXPANDED_WHERE_USED else option + equals + home)
    return expanded


def read_line(kind: type[Options], words: Sequence[str], **how: Any) -> Options:
    """Read words into a dataclass; a word that does not fit ends the program, naming the nearest that does.

    Args:
        kind: which options.
        words: the rest of the line.
        how: what else `tyro.cli` is told.
    """
    return _read(kind, words, how)


def read_part_of_line(kind: type[Options], words: Sequence[str], **how: Any) -> tuple[Options, list[str]]:
    """Read words into a dataclass, and return it with the words that are no options of it."""
    return _read(kind, words, {"return_unknown_args": True, **how})


def _read(kind: type, words: Sequence[str], how: dict[str, Any]) -> Any:
    if shutil.get_terminal_size().columns < _NARROWEST:
        # Below six columns tyro's help never ends.
        os.environ["COLUMNS"] = str(_NARROWEST)
    masked = masked_words(words)
    if masked != list(words):
        # What tyro says of a wrong line is laid out in a box, where a password can no longer be found. So it reads the
        # line without passwords first, and ends here if there is something wrong with it.
        with naming_full_disk():
            tyro.cli(kind, args=masked, **how)
    with naming_full_disk():
        return tyro.cli(kind, args=words, **how)
