"""Named search spaces: what a sweep may change, and between which limits.

Every range holds the demo's own value, because a sweep tries that first. What costs time, such as the number of views,
is searched in none of them: settings are compared at equal cost.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from share_dist.errors import BadSetting, nearest_name
from share_dist.recipes.space import OneOf, Range, SearchSpace, space_from_json
from share_dist.storage import read_given_text

_REGIONS: SearchSpace = {
    "rome.quantile": Range(low=0.3, high=0.9),
    "rome.temperature": Range(low=0.3, high=3.0, log=True),
    "rome.kappa": Range(low=0.0, high=1.0),
    "rome.explore_share": Range(low=0.0, high=0.5),
}
_ADVERSARIAL: SearchSpace = {
    # The rest of a round is adversarial: from regions of maximal error and from exploration.
    "share.everyday_share": Range(low=0.75, high=0.95),
}
_RIVAL: SearchSpace = {
    "rome.method": OneOf(options=("rome", "greedy")),
    **{name: replace(part, when={"rome.method": "rome"}) for name, part in _REGIONS.items()},
    "rome.greedy_share": Range(low=0.005, high=0.1, log=True, when={"rome.method": "greedy"}),
}
_LOSSES: SearchSpace = {
    # The pose's weight is the measure of the others.
    "losses.anchor": Range(low=0.5, high=10.0, log=True),
    "losses.joints_3d": Range(low=2.0, high=15.0, log=True),
    "losses.joints_2d": Range(low=0.1, high=2.0, log=True),
    "losses.betas": Range(low=0.005, high=0.1, log=True),
}
_LEARNING: SearchSpace = {
    "learning.learning_rate": Range(low=2e-4, high=1.5e-3, log=True),
    "learning.frozen_batch_norm": OneOf(options=(True, False)),
    # All views of a run are shared out among its rounds, so that three cost what one does.
    "share.rounds": Range(low=1, high=3),
}

SPACES: dict[str, SearchSpace] = {
    "rome": {**_RIVAL, **_ADVERSARIAL},
    "losses": {**_LOSSES, **_LEARNING},
    "all": {**_REGIONS, **_ADVERSARIAL, **_LOSSES, **_LEARNING},
}


def find_space(name: str) -> SearchSpace:
    """Return a named space, or the one in a JSON file.

    Raises:
        errors.BadSetting: there is no such space or file, or the file does not describe one.
    """
    if name in SPACES:
        return SPACES[name]
    if not name.endswith(".json"):
        raise BadSetting(
            f"there is no search space '{name}'{nearest_name(name, SPACES)}\n"
            "  A space of your own is a file whose name ends in .json; docs/sweeps.md shows one."
        )
    try:
        return space_from_json(json.loads(read_given_text(name), object_pairs_hook=_once_each), name)
    except FileNotFoundError:
        raise BadSetting(f"there is no file {name}, which should hold a search space.") from None
    except BadSetting:
        raise
    except OSError as error:
        raise BadSetting(
            f"{name} cannot be read: {error.strerror}.\n  Name a file with a search space; docs/sweeps.md shows one."
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"{name} is not JSON ({error}); docs/sweeps.md shows a search space.") from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice in one object, of which JSON would keep the last in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise BadSetting(f"the search space names {next(n for n in names if names.count(n) > 1)} twice; leave one out.")
    return found
