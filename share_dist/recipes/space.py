"""What a search space is: settings with their limits, some of which are asked only when others have a certain value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from share_dist.config import RunConfig, require_setting, setting_of, setting_types, with_settings
from share_dist.errors import BadSetting, nearest_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A number between two limits, both of them included."""

    low: float
    high: float

    log: bool = False
    """Search by factors and not by differences, for what may vary over orders of magnitude."""

    when: Mapping[str, Any] = field(default_factory=dict)
    """Asked only where these settings, which stand before it in the space, have these values."""

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that must be possible for all between them to be."""
        return self.low, self.high

    def holds(self, value: Any) -> bool:
        """Whether a value lies inside."""
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high

    def is_near_end(self, value: float) -> bool:
        """Whether a value lies in the first or last twentieth, so that a better one may lie outside.

        Not so whole numbers, few enough to have all been tried, and what is near 0, below which no setting goes.
        """
        low, high, at = (math.log(number) if self.log else number for number in (self.low, self.high, value))
        share = (at - low) / (high - low)
        return isinstance(value, float) and (share > 0.95 or (share < 0.05 and self.low != 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class OneOf:
    """One of several values."""

    options: tuple[Any, ...]

    when: Mapping[str, Any] = field(default_factory=dict)
    """Asked only where these settings, which stand before it in the space, have these values."""

    @property
    def ends(self) -> tuple[Any, ...]:
        """Every value, for none says anything about the others."""
        return self.options

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return value in self.options


SEARCHED = ("rome", "share", "losses", "learning")
"""The rooms whose settings say how a model is repaired, and not which one, on what, or by whom."""

SearchSpace = dict[str, Range | OneOf]
"""Settings by their dotted names, in the order in which they are asked."""


def is_asked(part: Range | OneOf, chosen: Mapping[str, Any]) -> bool:
    """Whether a setting is asked for, given those that were chosen before it."""
    return all(chosen.get(name) == value for name, value in part.when.items())


def checked_space(space: SearchSpace, config: RunConfig) -> None:
    """Refuse a space that cannot be searched from these settings, before anything is tried.

    Raises:
        errors.BadSetting: an unknown setting, a value of a wrong type or one that its room refuses, an empty range, a
            condition on what is not there, or limits outside of which the recipe's own value lies.
    """
    if not space:
        raise BadSetting("the search space is empty; name at least one setting with its limits.")
    chosen: dict[str, Any] = {}
    for name, part in space.items():
        _require_searched(name)
        _require_extent(name, part)
        _require_condition(name, part, space, list(chosen))
        for value in part.ends:
            require_setting(name, value)
            with_settings(config, {**part.when, name: value})
        own = setting_of(config, name)
        chosen[name] = own
        if is_asked(part, chosen) and not part.holds(own):
            raise BadSetting(
                f"the recipe's own {name} is {own!r}, which lies outside {_in_words(part)}; a sweep tries it first.\n"
                f"  Widen the range, or start from another value: --{name.replace('_', '-')} VALUE."
            )


def _require_searched(name: str) -> None:
    """Refuse what a trial cannot change without changing also what it is measured by, or how many run at a time."""
    if name in setting_types() and name.partition(".")[0] not in SEARCHED:
        raise BadSetting(
            f"{name} cannot be searched: trials are compared on the same model, people and views.\n"
            f"  A space may hold settings of {', '.join(SEARCHED)}; give the sweep others itself, as options."
        )


def _require_extent(name: str, part: Range | OneOf) -> None:
    if isinstance(part, OneOf):
        if len(part.options) < 2 or len(set(map(repr, part.options))) < len(part.options):
            raise BadSetting(f"{name} has the options {list(part.options)}, but a choice needs two different ones.")
        return
    numbers = [value for value in (part.low, part.high) if isinstance(value, (int, float))]
    if not all(-math.inf < value < math.inf for value in numbers):
        raise BadSetting(f"{name} goes from {part.low} to {part.high}, but a range has two finite ends.")
    if len(numbers) == 2 and not part.low < part.high:
        raise BadSetting(f"{name} goes from {part.low} to {part.high}, which is empty; low must be below high.")
    if len(numbers) == 2 and part.log and not part.low > 0:
        raise BadSetting(f"{name} goes by factors from {part.low}, but those need a low above 0; leave out log.")


def _require_condition(name: str, part: Range | OneOf, space: SearchSpace, before: list[str]) -> None:
    for other, value in part.when.items():
        if other not in before:
            raise BadSetting(
                f"{name} is asked when {other} is {value!r}, but {other} does not stand before it in the space"
                f"{nearest_name(other, before) if before else '.'}"
            )
        if not space[other].holds(value):
            raise BadSetting(
                f"{name} is asked when {other} is {value!r}, which lies outside {_in_words(space[other])}."
            )


def _in_words(part: Range | OneOf) -> str:
    return f"{part.low:g}…{part.high:g}" if isinstance(part, Range) else ", ".join(map(repr, part.options))


def space_to_json(space: SearchSpace) -> dict[str, Any]:
    """Return a space as JSON, as a file of one's own would hold it."""
    return {name: _part_to_json(part) for name, part in space.items()}


def _part_to_json(part: Range | OneOf) -> dict[str, Any]:
    when = {"when": dict(part.when)} if part.when else {}
    if isinstance(part, OneOf):
        return {"options": list(part.options), **when}
    return {"low": part.low, "high": part.high, **({"log": True} if part.log else {}), **when}


def space_from_json(value: Any, source: str) -> SearchSpace:
    """Read a space from JSON: settings by name, each ``{"low": …, "high": …}`` or ``{"options": […]}``.

    Args:
        value: what the JSON holds.
        source: its file, for the message.

    Raises:
        errors.BadSetting: it is of another form.
    """
    if not isinstance(value, dict):
        raise BadSetting(f"{source} holds no search space: wanted are settings by name, found {type(value).__name__}.")
    return {name: _part_from_json(name, part, source) for name, part in value.items()}


def _part_from_json(name: str, part: Any, source: str) -> Range | OneOf:
    for kind, wanted in ((Range, {"low", "high"}), (OneOf, {"options"})):
        known = {entry.name for entry in fields(kind)}
        if isinstance(part, dict) and wanted <= part.keys() <= known and isinstance(part.get("when", {}), dict):
            if kind is OneOf and isinstance(part["options"], list):
                return OneOf(**{**part, "options": tuple(part["options"])})
            if kind is Range and isinstance(part.get("log", False), bool):
                return _checked_range(name, Range(**part))
    raise BadSetting(
        f'in {source} {name} is {part!r}; wanted is {{"low": 0.2, "high": 0.9}}, with "log": true if it goes by '
        'factors, or {"options": ["rome", "greedy"]}, and either may have "when": {"rome.method": "rome"}.'
    )


def _checked_range(name: str, part: Range) -> Range:
    """Refuse limits that are no numbers, which else could not even be compared."""
    types = setting_types()
    if name not in types:
        raise BadSetting(f"there is no setting '{name}'{nearest_name(name, types)}")
    for value in part.ends:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadSetting(f"{name} goes from {part.low!r} to {part.high!r}, but the limits of a range are numbers.")
    return part
