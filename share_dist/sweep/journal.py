"""A study's journal in a folder or a bucket: what was cut short or damaged of it costs those lines, not the study."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileSymlinkLock

from share_dist import errors
from share_dist.storage import FolderStore, Store, read_given, writing
from share_dist.sweep.journal_lines import CheckedJournal
from share_dist.sweep.mending import mended

log = logging.getLogger("share_dist")

JOURNAL = "study.journal"
_STALE_LOCK_S = 5
"""A lock of the journal that is older belongs to a process that was killed; ours is held for milliseconds."""

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What Optuna raises on lines that are no JSON, or JSON of another shape."""


class StudyJournal(JournalStorage):
    """A journal as Optuna's storage, which knows whether lines of it were lost."""

    mended = False


def open_journal(store: Store, name: str = "", figures: int = 0) -> BaseStorage:
    """Return the journal in a sweep's own place, of which this process is the only writer.

    Lines that cannot be read are left out, which is logged, and the file as it was is kept beside the journal.

    Args:
        store: the sweep's place.
        name: of the study, in case the line that creates it cannot be read.
        figures: how many figures it has.

    Raises:
        errors.DamagedFile: nothing of it can be read, or the line that creates the study cannot and no name was given.
    """
    journal = _backend(store)
    try:
        if not _ends_well(journal.last_line):
            raise ValueError("the last line is damaged")
        return StudyJournal(journal)
    except (*_UNREADABLE, errors.DamagedFile):
        _mend(store, name, figures)
        try:
            opened = StudyJournal(_backend(store))
        except _UNREADABLE as error:
            raise errors.DamagedFile(
                f"{store.uri(JOURNAL)} cannot be used: Optuna does not read it ({type(error).__name__}: {error}).\n"
                "  Put a copy of the file back, or move it away: the sweep then begins anew, and finds again what its "
                "trials have stored."
            ) from error
        opened.mended = True
        return opened


def _backend(store: Store) -> _Journal | _StoredJournal:
    return _Journal(store.root / JOURNAL) if isinstance(store, FolderStore) else _StoredJournal(store)


def _ends_well(last_line: bytes) -> bool:
    """Whether a journal's last line is an entry with its end; Optuna takes another for one that is being written.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    return not last_line or (
        last_line.endswith(b"\n") and bool(json.loads(last_line)) and not mended(last_line).damaged
    )


def _mend(store: Store, name: str, figures: int) -> None:
    """Put what is left of a journal in its place, after its bytes were kept under another name.

    Raises:
        errors.DamagedFile: as `open_journal`.
    """
    content, where = store.read(JOURNAL), store.uri(JOURNAL)
    left = mended(content, name, figures)
    if left.lost_study or not left.content:
        raise errors.DamagedFile(
            f"{where} cannot be used: line {left.damaged[0] if left.damaged else 1}, which creates the study, is "
            "damaged, and without it no trial belongs to anything.\n"
            "  Put a copy of the file back, or move it away: the sweep then begins anew, and finds again what its "
            "trials have stored."
        )
    aside = f"{JOURNAL}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    store.overwrite(aside, content)
    store.overwrite(JOURNAL, left.content)
    parts = (
        (left.damaged, "what lines {} of it said is lost, because they are damaged"),
        (left.begun, "lines {} are made again, as something must have begun there"),
        (left.missing, "in front of lines {} the line was missing that begins what they tell of, and is made again"),
    )
    found = "; ".join(text.format(_listed(numbers)) for numbers, text in parts if numbers)
    log.warning("%s: %s. All others are kept, and the file as it was is %s.", where, found, aside)


def _listed(numbers: list[int]) -> str:
    more = f" and {len(numbers) - 10:,} more" if len(numbers) > 10 else ""
    return ", ".join(map(str, numbers[:10])) + more


class _Journal(CheckedJournal):
    """A journal in a folder. What a full disk or a power cut left of its last line is cut off."""

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise errors.NotWritable(
                f"{path} is a link or no regular file, and nothing is appended to what it leads to.\n"
                "  Put the journal itself there, or give another --out."
            )
        with writing(path):
            self.last_line = _last_line(_cut_torn_line(path))
            super().__init__(str(path), JournalFileSymlinkLock(str(path), grace_period=_STALE_LOCK_S))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries, or say that the disk is full."""
        with writing(self.path):
            super().append_logs(logs)


def _cut_torn_line(path: Path) -> bytes:
    whole = read_given(path) if path.exists() else b""
    end = whole.rfind(b"\n") + 1
    # Only then, for a dashboard may be writing a note of its own.
    if end < len(whole):
        os.truncate(path, end)
    return whole[:end]


def _last_line(content: bytes) -> bytes:
    """Return the last line with its end; an empty one is a line too."""
    return content[content.rfind(b"\n", 0, -1) + 1 :]


class _StoredJournal(CheckedJournal):
    """A journal on this machine that is copied into a bucket after every entry."""

    def __init__(self, store: Store) -> None:
        self.store, self.where = store, store.uri(JOURNAL)
        # For as long as this object lives.
        self.folder = tempfile.TemporaryDirectory(prefix="share_dist-study-")
        self.path = Path(self.folder.name) / JOURNAL
        content = store.read(JOURNAL) if store.exists(JOURNAL) else b""
        self.last_line = _last_line(content)
        self.path.write_bytes(content)
        super().__init__(str(self.path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries, and do not return before the bucket has them."""
        super().append_logs(logs)
        self.store.overwrite(JOURNAL, self.path.read_bytes())
