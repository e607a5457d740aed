"""Invented surveys: cameras all over the sphere, an error that is a known function of them, and noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Table = dict[str, np.ndarray]


def analytic_mm(table: Table) -> np.ndarray:
    """Smooth on the sphere: 60 + 20·cos ε·cos φ + 30·sin² ε, and a valley over log distance."""
    azimuth, elevation = np.radians(table["azimuth_deg"]), np.radians(table["elevation_deg"])
    valley = 15 * (np.log(table["distance_m"]) - 1.0) ** 2
    return 60 + 20 * np.cos(elevation) * np.cos(azimuth) + 30 * np.sin(elevation) ** 2 + valley


def scattered(count: int, seed: int) -> Table:
    """Cameras uniform by area and log-uniform in distance, numbered."""
    rng = np.random.default_rng(seed)
    return {
        "view_number": np.arange(count),
        "azimuth_deg": rng.uniform(-180, 180, count),
        "elevation_deg": np.degrees(np.arcsin(rng.uniform(-1, 1, count))),
        "distance_m": np.exp(rng.uniform(np.log(1.2), np.log(6.0), count)),
        "roll_deg": rng.normal(0, 30, count),
    }


@pytest.fixture(scope="session")
def invent() -> Callable[..., Table]:
    """A survey of `count` views of the analytic error, noise of `noise_mm` (a number, or a function of the table)."""

    def make(count: int, seed: int = 0, noise_mm=10.0, truth=analytic_mm) -> Table:
        table = scattered(count, seed)
        sd = noise_mm(table) if callable(noise_mm) else noise_mm
        rng = np.random.default_rng((seed, 1))
        table["truth_mm"] = truth(table)
        table["mpjpe_mm"] = table["truth_mm"] + sd * rng.normal(size=count)
        return table

    return make
