"""A landscape as JSON: settings in words, arrays as base64 of little-endian float64, so that nothing is rounded."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from share_dist.camera import Factor
from share_dist.errors import DamagedFile
from share_dist.landscape.basis import make_basis
from share_dist.landscape.config import LandscapeConfig
from share_dist.landscape.evidence import Posterior, Prior
from share_dist.landscape.surface import Landscape, Noise

FORMAT = "landscape-v1"


def packed(array: np.ndarray) -> str:
    """Base64 of an array's float64 values."""
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f8").tobytes()).decode("ascii")


def unpacked(text: str, count: int, name: str) -> np.ndarray:
    """The inverse of `packed`.

    Raises:
        DamagedFile: not `count` finite numbers.
    """
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8").astype(np.float64)
    except (ValueError, TypeError) as error:
        raise _damaged(f"'{name}' is not base64 of float64 numbers") from error
    if len(values) != count or not np.isfinite(values).all():
        raise _damaged(f"'{name}' should hold {count} finite numbers, but holds {len(values)}")
    return values


def _damaged(why: str) -> DamagedFile:
    return DamagedFile(
        f"This landscape cannot be read: {why}.\n  Delete landscape.json and repeat the command that made it."
    )


def _require_finite(name: str, *numbers: float) -> None:
    if not all(math.isfinite(number) for number in numbers):
        raise _damaged(f"a number of its '{name}' is not finite: {', '.join(map(str, numbers))}")


def _require_positive(name: str, *numbers: float) -> None:
    if not all(number > 0 for number in numbers):
        raise _damaged(f"a number of its '{name}' is not above 0: {', '.join(map(str, numbers))}")


def landscape_to_json(landscape: Landscape) -> dict[str, Any]:
    """See `Landscape.to_json`. The covariance's root is upper triangular; its triangle is stored row by row."""
    root, noise = landscape.posterior.root, landscape.noise
    stored: dict[str, Any] = {
        "format": FORMAT,
        "column": landscape.column,
        "views": landscape.views,
        "meta": landscape.meta,
        "factors": [dataclasses.asdict(factor) for factor in landscape.factors],
        "config": dataclasses.asdict(landscape.config),
        "prior": dataclasses.asdict(landscape.prior),
        "terms": len(landscape.basis.terms),
        "coefficients": packed(landscape.posterior.coefficients),
        "covariance_root": packed(root[np.triu_indices(len(root))]),
        "noise": None,
    }
    if noise is not None:
        stored["noise"] = {
            "terms": len(noise.coefficients),
            "coefficients": packed(noise.coefficients),
            "low": noise.low,
            "high": noise.high,
        }
    return stored


def landscape_from_json(stored: Mapping[str, Any]) -> Landscape:
    """See `Landscape.from_json`."""
    if not isinstance(stored, Mapping) or stored.get("format") != FORMAT:
        found = stored.get("format") if isinstance(stored, Mapping) else stored
        raise _damaged(f"its format is {str(found)[:60]!r}, not {FORMAT!r}")
    try:
        return _read(stored)
    except DamagedFile:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _damaged(f"a field is missing or of the wrong type ({error})") from error


def _read(stored: Mapping[str, Any]) -> Landscape:
    settings = dict(stored["config"])
    config = LandscapeConfig(**{**settings, "smoothness": tuple(settings["smoothness"])})
    factors = tuple(Factor(**{**factor, "columns": tuple(factor["columns"])}) for factor in stored["factors"])
    basis = make_basis(factors, config, config.max_terms)
    count = len(basis.terms)
    if stored["terms"] != count:
        raise _damaged(f"it has {stored['terms']} terms, but its settings give {count}")
    root = np.zeros((count, count))
    root[np.triu_indices(count)] = unpacked(stored["covariance_root"], count * (count + 1) // 2, "covariance_root")
    found = Posterior(unpacked(stored["coefficients"], count, "coefficients"), root)
    prior = Prior(**{**stored["prior"], "lengths": tuple(stored["prior"]["lengths"])})
    _require_positive("prior", prior.smoothness, *prior.lengths, prior.noise_sd)
    _require_finite("prior", prior.ratio, prior.log_evidence)
    if type(stored["views"]) is not int or stored["views"] < 1 or not isinstance(stored["column"], str):
        raise _damaged(f"'views' is {stored['views']!r} and 'column' {stored['column']!r}")
    noise = None
    if stored["noise"] is not None:
        few = make_basis(factors, config, config.noise_terms)
        values = unpacked(stored["noise"]["coefficients"], len(few.terms), "noise.coefficients")
        _require_finite("noise", stored["noise"]["low"], stored["noise"]["high"])
        noise = Noise(few, values, stored["noise"]["low"], stored["noise"]["high"])
    return Landscape(basis, found, prior, noise, config, stored["views"], stored["column"], dict(stored["meta"]))
