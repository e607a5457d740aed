"""The best settings of a sweep as a run of their own, at full length."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from share_dist import errors
from share_dist.config import RunConfig, setting_of, setting_types, with_settings
from share_dist.recipes import find_recipe
from share_dist.storage import CONFIG, Store, open_store, vouched
from share_dist.sweep.summary import read_json, read_summary
from share_dist.sweep.trial import with_point


def best_recipe(name: str, recipe: str | None = None) -> tuple[str, RunConfig]:
    """Return the name and the settings of the recipe that a sweep found, ready to be run.

    What the sweep was given besides, such as a model or a body, goes along; its seed does not, for its people have
    chosen these settings.

    Args:
        name: a folder under runs/, or any folder or bucket that holds a sweep.
        recipe: what the settings are put into; None for the recipe that the sweep shortened.

    Raises:
        errors.BadSetting: there is no sweep, or it has found nothing yet.
        errors.DamagedFile: a file of it is no JSON.
    """
    store = sweep_at(name)
    given = read_json(store, CONFIG)
    if given.get("command") != "sweep":
        held = f"a run of `share-dist {given['command']}`, and no sweep" if given.get("command") else "no sweep"
        raise errors.BadSetting(
            f"{store.uri()} holds {held}{'' if given else f': {CONFIG} is missing'}.\n"
            "  Give the --out of a sweep, or its name under runs/."
        )
    best = read_summary(store).get("best")
    if best is None:
        raise errors.BadSetting(
            f"no trial of the sweep in {store.uri()} came to its end, so it has no best settings.\n"
            "  See on its page why; give the --out of another sweep."
        )
    own = find_recipe(given["recipe"])
    carried = changes(own, _values(given))
    chosen = recipe or given["recipe"]
    return chosen, with_point(with_settings(find_recipe(chosen), carried), best["settings"])


def sweep_at(name: str) -> Store:
    """A folder under runs/, or any folder or bucket; what is read of a finished sweep is compared with its manifest.

    Raises:
        errors.DamagedFile: its manifest cannot be used.
    """
    return vouched(open_store(name if "/" in name or Path(name).is_dir() else f"runs/{name}"))


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a sweep's config.json by their dotted names, of the types that they had."""
    types, found = setting_types(), {}
    for name, kind in types.items():
        *rooms, last = name.split(".")
        holder: Any = given
        for part in rooms:
            holder = holder.get(part, {})
        # A sweep of an earlier release may lack a setting, and one that is no room's, the seed, is not carried on.
        if rooms and last in holder:
            value: Any = tuple(holder[last]) if isinstance(holder[last], list) else holder[last]
            found[name] = Path(value) if Path in get_args(kind) and value is not None else value
    return found


def changes(config: RunConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that differ from the settings."""
    return {name: value for name, value in values.items() if setting_of(config, name) != value}


def as_options(config: RunConfig, recipe: RunConfig) -> str:
    """What turns a recipe into these settings on a command line."""
    words: list[str] = []
    for name in setting_types():
        value = setting_of(config, name)
        if value == setting_of(recipe, name) or name.startswith(("fleet.", "training.")) or name == "seed":
            continue
        room, _, rest = name.replace("_", "-").rpartition(".")
        if isinstance(value, bool):
            words.append(f"--{room}.{'' if value else 'no-'}{rest}")
        else:
            words += [f"--{room}.{rest}", *map(str, value if isinstance(value, tuple) else (value,))]
    return shlex.join(words)
