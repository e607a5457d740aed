"""The summary of a finished sweep, found where a run writes it and where committed results keep it."""

from __future__ import annotations

from typing import Any

from share_dist import errors
from share_dist.loop.story import SUMMARY
from share_dist.storage import Store, read_sealed

KEPT = "sweep.json"
"""Where committed results have it, because their own summary.json compares the best settings with the default ones."""

NOT_KEPT = "not kept"
"""What a page says in place of something that an earlier version did not write down."""


def read_json(store: Store, key: str) -> dict[str, Any]:
    """Return an object of JSON; an empty one where there is none.

    Raises:
        errors.DamagedFile: it has changed since it was written, or is no JSON object.
    """
    if not store.exists(key):
        return {}
    remedy = (
        f"See what else is damaged with `share-dist verify {store.uri()}`; a summary is written anew by running the "
        "sweep's command again."
    )
    found = read_sealed(store, key, remedy)
    if not isinstance(found, dict):
        raise errors.DamagedFile(f"{store.uri(key)} is no JSON object.\n  {remedy}")
    return found


def read_summary(store: Store) -> dict[str, Any]:
    """Return the summary of the sweep in a store, whatever version wrote it.

    Raises:
        errors.BadSetting: there is none, because the sweep was stopped or something else lies there.
        errors.DamagedFile: it is no JSON.
    """
    for key in (SUMMARY, KEPT):
        found = read_json(store, key)
        # A comparison of settings has trials too, but only says how many.
        if isinstance(found.get("trials"), list):
            return found
    other = f"the {SUMMARY} there is of something else" if store.exists(SUMMARY) else f"{SUMMARY} is missing"
    raise errors.BadSetting(
        f"{store.uri()} holds a sweep that has not ended yet, for {other}.\n"
        "  Run its command again to finish it, or give the --out of a sweep that has ended."
    )
