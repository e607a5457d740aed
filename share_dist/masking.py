"""Passwords are masked in whatever is printed: in addresses, in connection strings, in the words of a command line."""

from __future__ import annotations

import re
from collections.abc import Sequence

MASK = "***"
_SECRET = r"(?:password|passwd|passphrase|pwd|secret|secret_access_key)"
_ADDRESS = re.compile(
    # scheme://user: (or scheme:/user: as pathlib folds it) and then either a port, behind which a password may still
    # hide within the same word, or anything up to the line's last @: a password that was not percent-encoded may hold
    # every sign, a space and an @ among them.
    r"(?P<begin>[a-z][\w+.-]*:/{1,2}[^\s/:?#]*:)(?:(?=\d+(?:[/\s?#'\")\],;]|$))\S*@|(?!\d+(?:[/\s?#'\")\],;]|$))[^\n]*@)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(?P<begin>https?:/{1,2})[^\s/@:]+@", re.IGNORECASE)
_PAIR = re.compile(
    rf"(?P<begin>\w*{_SECRET}['\"]?(?:\s*=\s*|['\"]\s*:\s*|%3d))(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\A(?P<begin>(?:[a-z][\w+.-]*://|(?![a-z][\w+.-]*://))[^:]*:).*@", re.IGNORECASE | re.DOTALL)
_OPTION = re.compile(rf"-[\w.-]*{_SECRET}[\w.-]*", re.IGNORECASE)


def without_password(text: str) -> str:
    """Return a text with every password that it holds replaced by `***`.

    Found are those of addresses (``scheme://user:password@host``, whatever signs the password has), the token of
    ``https://token@host``, and values named password or secret, as in ``?password=…`` and ``password='…'``. Where it
    is unclear where a password ends, more is masked rather than less.
    """
    text = _ADDRESS.sub(rf"\g<begin>{MASK}@", text)
    text = _TOKEN.sub(rf"\g<begin>{MASK}@", text)
    return _PAIR.sub(rf"\g<begin>{MASK}", text)


def masked_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command line without their passwords, also of addresses with a misspelt scheme or none."""
    masked = []
    for index, word in enumerate(words):
        before = words[index - 1] if index else ""
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if not equals or "@" in option:
            option, equals, value = "", "", word
        if "@" in value and ":" in value and without_password(value) == value:
            value = _WORD.sub(rf"\g<begin>{MASK}@", value)
        # The word behind an option such as --db-password.
        named = _OPTION.fullmatch(option or before) and (option or not word.startswith("-"))
        masked.append(option + equals + (MASK if named else without_password(value)))
    return masked


def without_words(text: str, words: Sequence[str]) -> str:
    """Return a text in which words of a command line stand as `masked_words` has them, other passwords masked too."""
    for index, instead in enumerate(masked_words(words)):
        word = words[index]
        if word != instead:
            for given, shown in ((word, instead), (word.partition("=")[2], instead.partition("=")[2])):
                text = text.replace(given, shown) if given else text
    return without_password(text)
