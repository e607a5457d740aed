"""Background pictures of the user's own: found, opened and hashed before any work starts."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from share_dist.errors import BadBackgrounds, DamagedFile, printable
from share_dist.scene.kept import Checked, check_picture, is_kept, kept_in
from share_dist.scene.listing import ENDINGS, Listing, Stamp, list_folder
from share_dist.scene.reading import NotShown

log = logging.getLogger("share_dist")

_ADDRESS = re.compile(r"(?:^|/)([a-z][a-z0-9+.-]+:/)(.*)", re.IGNORECASE | re.DOTALL)
"""An address as a path has it, with one slash for two."""

_MOST_NAMED = 20
_MOST_THREADS = 4
_FIRST_LINE_S, _EVERY_S = 3.0, 10.0
_SETTLED_S = 2.0
"""A file that changed later may change again without another time: clocks of file systems are that coarse."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the folder: its name from there, with slashes, and the sha256 of its bytes."""

    name: str
    sha256: str

    @property
    def judge_only(self) -> bool:
        """Whether it belongs to the fifth of the pictures that only the judge sees; told by its hash."""
        return int(self.sha256[:8], 16) % 5 == 0


def find_pictures(folder: Path) -> tuple[Picture, ...]:
    """Every picture of a folder and its subfolders, by name; each one was read to its last pixel, now or before.

    What begins with a dot and files of other kinds are skipped. Large pictures are reduced and kept; see `kept`.

    Raises:
        BadBackgrounds: no such folder, no picture in it, or files that cannot be used (all named).
    """
    try:
        found = list_folder(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        if address := _ADDRESS.search(str(folder)):
            raise BadBackgrounds(
                f"The background folder {address[1]}/{address[2]} is an address, but pictures are read from a folder.\n"
                "  Copy them to the same path on every node, and set scene.background_folder to it."
            ) from error
        raise BadBackgrounds(
            f"The background folder {folder} does not exist or is no folder.\n"
            "  Set scene.background_folder to a folder of pictures, or leave it out for painted backgrounds."
        ) from error
    except (OSError, ValueError) as error:
        raise BadBackgrounds(f"The background folder {folder} cannot be read: {error}.\n  Check its rights.") from error
    if not (found.files or found.faults or found.unread):
        raise BadBackgrounds(
            f"The background folder {folder} holds no picture, only {found.others:,} other files.\n"
            f"  Looked for files ending in {', '.join(sorted(ENDINGS))}, in subfolders too; put some there, or leave "
            "scene.background_folder out."
        )
    checked, faults = _checked(folder, tuple(sorted(found.files.items())))
    if faults or found.faults or found.unread:
        # What was out of reach for a moment is tried again.
        _checked.cache_clear()
        raise BadBackgrounds(_complaint(folder, found, faults))
    return checked


@functools.lru_cache(maxsize=8)
def _checked(folder: Path, files: tuple[tuple[str, Stamp], ...]) -> tuple[tuple[Picture, ...], Mapping[str, str]]:
    """Read each file once; the stamps are part of the key, so a changed folder is read again."""
    good, faults = _known(folder), {}
    todo = [name for name, stamp in files if not _still(good.get(name), stamp)]
    stamps = dict(files)
    good = {name: value for name, value in good.items() if name in stamps and name not in set(todo)}
    with _remembering(folder, good, bool(todo)), _pool() as pool:
        progress = _Progress(len(todo))
        for name, result in zip(todo, pool.map(lambda name: _try(folder / name), todo), strict=True):
            progress.add()
            if isinstance(result, str):
                faults[name] = result
            else:
                good[name] = (stamps[name], result)
    _warn_of_unkept([about.sha256 for _, about in good.values() if about.large])
    return tuple(Picture(name, good[name][1].sha256) for name, _ in files if name in good), faults


def _warn_of_unkept(large: list[str]) -> None:
    lost, place = sum(not is_kept(sha256) for sha256 in large), kept_in()
    if lost:
        why = f"{place} has no room" if place else "no folder for them can be written"
        log.warning(
            f"{lost:,} of {len(large):,} large background pictures are not kept reduced, for {why}: they may be "
            "decoded again for each view. Set XDG_CACHE_HOME to a folder that has room."
        )


def _try(path: Path) -> Checked | str:
    """What is known of a file, or what is wrong with it."""
    try:
        return check_picture(path)
    except NotShown as error:
        return str(error)
    except (OSError, DamagedFile) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that decode, Pillow letting go of Python's lock; those waiting are given up when we are interrupted."""
    pool = ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), _MOST_THREADS))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


_Known = dict[str, tuple[Stamp, Checked]]


def _still(known: tuple[Stamp, Checked] | None, stamp: Stamp) -> bool:
    """Whether a file is as it was when it was read, and still kept reduced if that is worth while."""
    return known is not None and known[0] == stamp and (not known[1].large or is_kept(known[1].sha256))


def _notes(folder: Path) -> Path | None:
    """Where it is written what is known of the files of a folder."""
    place = kept_in()
    return place and place / f"folder-{hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:32]}.json"


def _known(folder: Path) -> _Known:
    """Return what another start has noted; nothing where that is missing or damaged."""
    notes = _notes(folder)
    if notes is None:
        return {}
    try:
        files = json.loads(notes.read_bytes())["files"]
        return {
            name: ((int(size), int(mtime), int(ctime)), Checked(str(sha256), bool(large)))
            for name, (size, mtime, ctime, sha256, large) in files.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


@contextmanager
def _remembering(folder: Path, good: _Known, changed: bool) -> Iterator[None]:
    """Note what is known in the end, also when the work was interrupted or a file was faulty."""
    begun = time.time_ns()
    try:
        yield
    finally:
        notes = _notes(folder)
        if notes is not None and changed:
            before = begun - int(_SETTLED_S * 1e9)
            files = {name: (*stamp, *about) for name, (stamp, about) in good.items() if max(stamp[1:]) < before}
            temporary = notes.with_suffix(f".{uuid.uuid4().hex[:12]}")
            with suppress(OSError):
                temporary.write_text(json.dumps({"files": files}), "utf-8")
                os.replace(temporary, notes)


class _Progress:
    """Says now and then how many pictures were read, and when all will be."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.started = total, 0, time.monotonic()
        self.next = self.started + _FIRST_LINE_S

    def add(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now >= self.next or (self.done == self.total and self.next > self.started + _FIRST_LINE_S):
            self.next = now + _EVERY_S
            rate = self.done / (now - self.started)
            left = timedelta(seconds=round((self.total - self.done) / rate))
            log.info(
                f"backgrounds  {self.done:>6,}/{self.total:,} pictures read  {100 * self.done // self.total:3d} %  "
                f"{rate:,.1f} pictures/s  eta {left}"
            )


def _complaint(folder: Path, found: Listing, faults: Mapping[str, str]) -> str:
    """Name everything that cannot be used, up to a number that can be read."""
    unread = {name: "is of a kind that is not read" for name in found.unread}
    wrong = sorted({**found.faults, **faults, **unread}.items())
    total = len(wrong) + len(found.files) - len(faults)
    lines = [f"    {printable(name)} {what}" for name, what in wrong[:_MOST_NAMED]]
    if len(wrong) > _MOST_NAMED:
        lines.append(f"    and {len(wrong) - _MOST_NAMED:,} more")
    remedy = f"  Remove or replace {'it' if len(wrong) == 1 else 'them'}; every picture is opened before work starts."
    if unread:
        ending = Path(found.unread[0]).suffix
        remedy += f"\n  Convert what is not read: `mogrify -format jpg *{ending}` of ImageMagick does."
    return (
        f"The background folder {folder} has {len(wrong):,} of {total:,} files that cannot be used:\n"
        + "\n".join(lines)
        + f"\n{remedy}"
    )
