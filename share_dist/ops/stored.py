"""What is stored: a run fetched, every hash compared; in folders and buckets alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from share_dist import errors
from share_dist.fleet.progress import ViewProgress
from share_dist.ops.guards import Guards, guards_of, own_verdict, remedy_of
from share_dist.ops.listing import find_runs
from share_dist.ops.walk import Trouble, look_below
from share_dist.storage import (
    CONFIG,
    MACHINERY,
    MANIFEST,
    FolderStore,
    Store,
    check_object,
    inside,
    open_store,
    what_differs,
)

AT_ONCE = 8
"""Objects on their way at a time: they are small, and a bucket takes some 20 ms to begin to answer."""

_SHOWN = 12

T = TypeVar("T")
U = TypeVar("U")


def pull(uri: str, folder: str | None = None) -> FolderStore:
    """Fetch a run into a folder, each object compared with what vouches for it; what is there is not fetched again.

    Args:
        uri: the run.
        folder: where to; ``runs/`` and its name unless given.

    Raises:
        errors.BadSetting: there is no run at the address; the message names those below it.
        errors.OtherRun: the folder holds other bytes under one of its names. They are left as they are.
        errors.DamagedFile: objects are not what was stored, or are gone; the message names them. What was fetched
            stays, without the manifests that would call it finished.
    """
    source, entries, troubles = look_below(open_store(uri))
    keys = [entry.key for entry in entries if not entry.key.rpartition("/")[2].startswith(MACHINERY)]
    closed = _closed(source, troubles)
    if CONFIG not in keys:
        if any(each.key == "" for each in troubles):
            _refuse(source, closed)
        below = ", ".join(run.uri for run in find_runs(uri)[:5])
        raise errors.BadSetting(
            f"there is no run at {source.uri()}: it has no {CONFIG}.\n"
            f"  {f'Pull one of {below}.' if below else 'See what there is with `share-dist ls`.'}"
        )
    target = FolderStore(folder or f"runs/{source.uri().rpartition('/')[2]}")
    guards = guards_of(source, keys)
    _refuse(source, [*guards.damage, *closed])
    progress = ViewProgress("pull", len(keys), unit="objects")
    manifests = sorted(
        (key for key in keys if key.rpartition("/")[2] == MANIFEST), key=lambda key: (key == MANIFEST, key)
    )
    others = sorted({*keys} - {*manifests, CONFIG})
    # The settings first, so that another run's folder takes nothing of this one; manifests last, the run's after all
    # others: a folder that was filled by half counts as unfinished wherever an object is missing.
    for part in ([CONFIG], others, manifests):
        damage = []
        for problem in _at_once(lambda key: _pull_one(source, target, key, guards), part):
            damage += [problem] if problem else []
            progress.add(1)
        _refuse(source, damage)
    return target


def _refuse(source: Store, damage: Iterable[errors.DamagedFile]) -> None:
    found = [str(problem).splitlines()[0] for problem in damage]
    if found:
        more = f"\n  and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        raise errors.DamagedFile(
            "\n  ".join(found[:_SHOWN])
            + f"{more}\n  `share-dist verify {source.uri()}` lists all damage, and what to delete to have it made anew."
        )


def _pull_one(source: Store, target: FolderStore, key: str, guards: Guards) -> errors.DamagedFile | None:
    """Fetch one object, or return why it is left out."""
    _, wanted = guards.promised.get(key, (None, None))
    if wanted and target.exists(key) and what_differs(target.read(key), wanted) is None:
        return None
    try:
        data = source.read(key)
    except FileNotFoundError:
        return errors.DamagedFile(
            f"{source.uri(key)} is gone since the run was listed: a command may be at work there."
        )
    except errors.DamagedFile as error:
        return error
    difference = what_differs(data, wanted) if wanted else None
    if difference:
        return errors.DamagedFile(f"{source.uri(key)} {difference}.")
    own = own_verdict(source, key, data) if key in guards.own else None
    if isinstance(own, errors.DamagedFile):
        return own
    try:
        target.write_once(key, data)
    except errors.OtherRun:
        raise errors.OtherRun(
            f"{target.uri(key)} holds other bytes than {source.uri(key)}, and is left as it is.\n"
            f"  Pull into another folder: share-dist pull {source.uri()} DIR"
        ) from None
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What comparing all hashes has shown."""

    stages: int
    objects: int
    damage: list[errors.DamagedFile]

    unguarded: list[str]
    """Addresses of files that nothing vouches for: an earlier version made them, or their run is not finished."""

    strays: list[str]
    """Addresses of files that belong to no run."""


def verify(uri: str) -> Verdict:
    """Compare every object at or below an address with what vouches for it.

    Raises:
        errors.BadSetting: nothing there was ever finished, so that nothing can be compared.
    """
    store, entries, troubles = look_below(open_store(uri))
    keys, closed = [entry.key for entry in entries], _closed(store, troubles)
    guards = guards_of(store, keys)
    if not (guards.promised or guards.stages or guards.runs or guards.damage or closed):
        raise errors.BadSetting(
            f"there is nothing to verify at {store.uri()}: no stage was finished there.\n"
            "  See what there is with `share-dist ls`, and give the address of a run or of what lies above."
        )
    there = frozenset(keys)
    todo = [key for key in guards.promised if key in there]
    progress = ViewProgress("verify", len(todo) + len(guards.own), unit="objects") if todo or guards.own else None
    damage, unguarded, compared = [*guards.damage, *closed], [], 0
    checks = chain(
        _at_once(lambda key: (key, _compared(store, guards, key)), todo),
        _at_once(lambda key: (key, _asked(store, key)), guards.own),
    )
    for key, found in checks:
        if progress:
            progress.add(1)
        compared += found is not False
        damage += [found] if isinstance(found, errors.DamagedFile) else []
        unguarded += [store.uri(key)] if found is False and key not in guards.promised else []
    strays = [store.uri(key) for key in guards.strays]
    return Verdict(stages=len(guards.stages), objects=compared, damage=damage, unguarded=unguarded, strays=strays)


def _compared(store: Store, guards: Guards, key: str) -> errors.DamagedFile | bool:
    """Compare an object with its manifest; the bytes are let go at once."""
    folder, wanted = guards.promised[key]
    name = key[len(folder) :].lstrip("/")
    found = check_object(inside(store, folder), name, wanted, remedy_of(store, guards, key))
    if isinstance(found, errors.DamagedFile):
        # An old checkpoint, which a training has deleted meanwhile, has lost its manifest first.
        return found if inside(store, folder).exists(MANIFEST) else False
    if folder not in guards.runs or name.endswith(".safetensors"):
        return True
    # A file that was damaged already when its run was finished is vouched for as it was.
    own = own_verdict(store, key, found)
    return own if isinstance(own, errors.DamagedFile) else True


def _asked(store: Store, key: str) -> errors.DamagedFile | bool:
    try:
        return own_verdict(store, key, store.read(key))
    except errors.DamagedFile as error:
        return error
    except OSError as error:
        return errors.DamagedFile(f"{store.uri(key)} cannot be read: {error.strerror or error}.\n  Look again later.")


def _closed(store: Store, troubles: Iterable[Trouble]) -> list[errors.DamagedFile]:
    """What this user may not look at, so that anything may be missing there."""
    return [
        errors.DamagedFile(
            f"{store.uri(each.key)} {each.why}.\n  Look again as a user who may, or have it made readable."
        )
        for each in troubles
        # A link is no part of a run.
        if each.what != "link"
    ]


def _at_once(do: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield from pool.map(do, items)
    finally:
        # After the first error there is no sense in fetching the rest.
        pool.shutdown(cancel_futures=True)
