"""Landscapes with known peaks: one at the pole above, one behind across the azimuth's seam, one half left in front."""

from __future__ import annotations

import numpy as np
import pytest

from share_dist.camera import AllCameras, FullSphere, Space, low_discrepancy_pool
from share_dist.geometry import direction_from_angles
from share_dist.landscape import LandscapeConfig, fit_landscape

PEAKS_DEG = {"above": (0.0, 90.0), "behind": (180.0, -10.0), "left": (70.0, 10.0)}
HEIGHTS_MM = {"above": 120.0, "behind": 80.0, "left": 60.0}
WIDTH_RAD = np.radians(25.0)


def bumps_mm(table: dict[str, np.ndarray]) -> np.ndarray:
    """100 mm and three bumps of 25° spread that grow a little when near."""
    u = direction_from_angles(np.radians(table["azimuth_deg"]), np.radians(table["elevation_deg"]))
    out = np.full(len(u), 100.0)
    for name, (azimuth, elevation) in PEAKS_DEG.items():
        towards = direction_from_angles(np.radians(azimuth), np.radians(elevation))
        out += HEIGHTS_MM[name] * np.exp(-(1 - u @ towards) / WIDTH_RAD**2)
    return out * (1.1 - 0.1 * np.log(table["distance_m"]))


def scattered(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "azimuth_deg": rng.uniform(-180, 180, count),
        "elevation_deg": np.degrees(np.arcsin(rng.uniform(-1, 1, count))),
        "distance_m": np.exp(rng.uniform(np.log(1.2), np.log(6.0), count)),
    }


@pytest.fixture(scope="session")
def landscape():
    """Fitted to 3,000 views with 3 mm of noise: as good as the function itself."""
    table = scattered(3000)
    table["mpjpe_mm"] = bumps_mm(table) + 3.0 * np.random.default_rng(1).normal(size=3000)
    return fit_landscape(table, LandscapeConfig(uneven_noise=False))


@pytest.fixture(scope="session")
def standing():
    """A person 1.8 m tall as spheres, for the floor and clearance rules."""
    heights = np.linspace(-0.85, 0.75, 9)
    return Space(-0.95, np.stack([0 * heights, heights, 0 * heights], axis=1), np.full(9, 0.15))


@pytest.fixture(scope="session")
def sphere_pool(standing):
    return low_discrepancy_pool(FullSphere(), [standing], 3000, 0)


@pytest.fixture(scope="session")
def floor_pool(standing):
    return low_discrepancy_pool(AllCameras(), [standing], 3000, 0)
