"""Beginning where another sweep left off: its best settings are tried first."""

from __future__ import annotations

import json
from typing import Any

from share_dist import errors
from share_dist.recipes import SearchSpace, space_to_json
from share_dist.storage import command_of, refuse_differences
from share_dist.sweep.recipe import sweep_at
from share_dist.sweep.summary import read_summary

TAKEN = 5
"""Settings taken over: enough to begin near the top, few enough to be tried at once."""


def settings_to_try(name: str | None, space: SearchSpace) -> list[dict[str, Any]]:
    """Return the best settings of another sweep over the same space, best first; none without a name.

    Args:
        name: a folder under runs/, or any folder or bucket that holds a sweep.
        space: what is searched now.

    Raises:
        errors.BadSetting: there is no sweep, or it has finished no trial.
        errors.OtherRun: it searched another space.
        errors.DamagedFile: its summary is no JSON.
    """
    if name is None:
        return []
    store = sweep_at(name)
    found = read_summary(store) if command_of(store) == "sweep" else {}
    if not found.get("ranking"):
        raise errors.BadSetting(
            f"{store.uri()} holds no sweep that found anything.\n"
            "  Give --warm-start the --out of a sweep that has ended, or its name under runs/."
        )
    refuse_differences(
        found.get("space"),
        json.loads(json.dumps(space_to_json(space))),
        otherwise=f"{store.uri()} searched another space",
        remedy="Leave out --warm-start, or search the space of that sweep.",
    )
    tried = [trial["settings"] for trial in found["ranking"][:TAKEN]]
    for name, value in (pair for settings in tried for pair in settings.items()):
        if name not in space or not space[name].holds(value):
            raise errors.DamagedFile(
                f"{store.uri()} found {name} to be best at {value!r}, which its own space does not hold.\n"
                "  Its summary was altered: leave out --warm-start, or give another sweep."
            )
    return tried
