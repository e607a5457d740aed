"""Beginning where another sweep left off: its best settings are tried first."""

from __future__ import annotations

import json
from typing import Any

from share_dist import errors
from share_dist.loop.story import SUMMARY
from share_dist.recipes import SearchSpace, space_to_json
from share_dist.storage import open_store, refuse_differences

TAKEN = 5
"""Settings taken over: enough to begin near the top, few enough to be tried at once."""


def settings_to_try(address: str | None, space: SearchSpace) -> list[dict[str, Any]]:
    """Return the best settings of another sweep over the same space, best first; none without an address.

    Raises:
        errors.BadSetting: there is no sweep at the address, or it has finished no trial.
        errors.OtherRun: it searched another space.
    """
    if address is None:
        return []
    store = open_store(address)
    if not store.exists(SUMMARY):
        raise errors.BadSetting(
            f"{store.uri()} holds no sweep that found anything: {SUMMARY} is missing.\n"
            "  Give --warm-start the --out of a sweep that has ended."
        )
    found = json.loads(store.read(SUMMARY))
    refuse_differences(
        found["space"],
        json.loads(json.dumps(space_to_json(space))),
        otherwise=f"{store.uri()} searched another space",
        remedy="Leave out --warm-start, or search the space of that sweep.",
    )
    return [trial["settings"] for trial in found["ranking"][:TAKEN]]
