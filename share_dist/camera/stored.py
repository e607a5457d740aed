"""Camera distributions as JSON: a versioned name and its numbers, never code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from share_dist.camera.chosen import Grid, Kernel, Mixture, Points
from share_dist.camera.draw import CameraDistribution, CropJitter, Lens
from share_dist.camera.named import AllCameras, CloseUp, Everyday, FullSphere
from share_dist.camera.space import Clearance
from share_dist.errors import BadSetting, nearest_name

_BY_NAME = {kind.NAME: kind for kind in (Everyday, AllCameras, FullSphere, CloseUp, Grid, Points, Mixture)}
_NESTED = {"lens": Lens, "crop": CropJitter, "clearance": Clearance, "kernel": Kernel}


def to_json(distribution: CameraDistribution) -> dict[str, Any]:
    """The distribution as plain JSON values; floats keep all their bits."""
    if distribution.NAME not in _BY_NAME:
        raise BadSetting(f"'{distribution.NAME}' is no camera distribution{nearest_name(distribution.NAME, _BY_NAME)}")
    fields = [f.name for f in dataclasses.fields(distribution) if f.init]  # pyright: ignore[reportArgumentType]
    return {"name": distribution.NAME, **{name: _plain(getattr(distribution, name)) for name in fields}}


def distribution_from_json(content: Mapping[str, Any]) -> CameraDistribution:
    """The inverse of `to_json`.

    Raises:
        BadSetting: an unknown name or version, or a number that the distribution does not have.
    """
    values = dict(content)
    name = str(values.pop("name", ""))
    if name not in _BY_NAME:
        raise BadSetting(f"There is no camera distribution '{name}'{nearest_name(name, _BY_NAME)}")
    return _made(_BY_NAME[name], values, name)


def _plain(value: Any) -> Any:
    if hasattr(value, "NAME"):
        return to_json(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _valued(key: str, value: Any) -> Any:
    if key in _NESTED:
        if not isinstance(value, Mapping):
            raise BadSetting(f"'{key}' is {value!r}, but it must be numbers by their names.")
        return _made(_NESTED[key], value, key)
    if key == "parts":
        return tuple(distribution_from_json(part) for part in value)
    if key in ("cameras", "weights"):
        _require_plain_numbers(key, value)
    if key == "cameras":
        return np.array(value, np.float64)
    return tuple(value) if isinstance(value, list) else value


def _require_plain_numbers(key: str, value: Any) -> None:
    """Refuse texts and truths in lists, which arrays take for numbers."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, list):
            _require_plain_numbers(key, item)
        elif isinstance(item, bool) or not isinstance(item, (int, float)):
            raise BadSetting(f"'{key}' holds {item!r}, but it must hold numbers.")


def _made(kind: Any, values: Mapping[str, Any], name: str) -> Any:
    known = {f.name for f in dataclasses.fields(kind) if f.init}
    for key in values:
        if key not in known:
            raise BadSetting(f"'{name}' has no number '{key}'{nearest_name(key, known)}")
    try:
        return kind(**{key: _valued(key, value) for key, value in values.items()})
    except BadSetting:
        raise
    except (ValueError, AttributeError, OverflowError) as error:
        raise BadSetting(f"'{name}' has a number that is none: {error}.") from error
    except TypeError as error:
        raise BadSetting(f"'{name}' lacks a number: {error}; it needs {', '.join(sorted(known))}.") from error
