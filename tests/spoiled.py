"""Spoil every file of a run, and see that each is named: for the runs that tests have made anyway."""

from __future__ import annotations

import random

from share_dist.ops import verify
from share_dist.storage import MACHINERY, MANIFEST, Store

NOT_OURS = (MACHINERY, ".validate_storage_marker")
"""How files begin that belong to no run: the lease of a driver, which this process may be, and what Ray leaves of a
training that failed, which nobody reads."""


def with_flipped_bit(data: bytes, seed: int) -> bytes:
    """Return the bytes with one bit turned over, at a place that follows from the seed."""
    changed = bytearray(data)
    place = random.Random(seed).randrange(8 * len(data))
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def require_all_guarded(store: Store, seeds: int = 2) -> None:
    """Flip a bit in each file, then delete each, and require that `verify` names it; everything is put back.

    All files but manifests at once, then all manifests: the files of a stage cannot be compared without theirs.
    """
    whole = {key: store.read(key) for key in store.list() if not _name(key).startswith(NOT_OURS)}
    verdict = verify(store.uri())
    strays = [address for address in verdict.strays if not _name(address).startswith(NOT_OURS)]
    assert (verdict.damage, verdict.unguarded, strays) == ([], [], [])
    manifests = [key for key in whole if _name(key) == MANIFEST]
    others = sorted(whole.keys() - {*manifests})
    for keys in (others, manifests):
        for seed in range(seeds):
            for key in keys:
                store.overwrite(key, with_flipped_bit(whole[key], seed))
            _require_named(store, keys, f"flipped with seed {seed}")
        # The run's own manifest, without which it is not finished, goes last of all.
        gone = [key for key in keys if key != MANIFEST]
        store.remove(gone)
        for key in keys:
            if key not in gone:
                store.overwrite(key, whole[key])
        _require_named(store, gone, "deleted")
        for key in gone:
            store.overwrite(key, whole[key])
    assert verify(store.uri()).damage == []


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _require_named(store: Store, keys: list[str], how: str) -> None:
    said = "\n".join(str(problem).partition("\n")[0] for problem in verify(store.uri()).damage)
    passed = [key for key in keys if f"{store.uri(key)} " not in f"{said} "]
    assert not passed, f"{how}, these passed: {passed}"
