from __future__ import annotations

import numpy as np
import pytest

from share_dist.render.zbuffer import fill_zbuffer, to_screen

SIZE = 24


def drawn(screen: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inverse_z = np.empty((SIZE, SIZE), np.float32)
    hit = np.full((SIZE, SIZE, 4), np.nan, np.float32)
    fill_zbuffer(screen, faces, inverse_z, hit)
    return inverse_z, hit


def brute_force(screen: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The nearest front face's 1/z at every pixel centre, in float64, triangle by triangle."""
    best = np.zeros((SIZE, SIZE))
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    for a, b, c in screen[faces].astype(np.float64):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area >= 0:
            continue
        wa = ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area
        wb = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area
        inside = (wa >= 0) & (wb >= 0) & (wa + wb <= 1)
        inverse = wa * a[2] + wb * b[2] + (1 - wa - wb) * c[2]
        best = np.where(inside & (inverse > best), inverse, best)
    return best


def test_it_finds_the_surfaces_that_brute_force_finds():
    rng = np.random.default_rng(0)
    corners = rng.uniform([-6, -6, 0.2], [30, 30, 2.0], (180, 3)).astype(np.float32)
    faces = np.arange(180, dtype=np.int32).reshape(60, 3)
    found, _ = drawn(corners, faces)
    expected = brute_force(corners, faces)
    # Pixels whose centre lies on an edge to within rounding may fall either way.
    assert np.mean(np.abs(found - expected) < 1e-5) > 0.995


def test_weights_are_perspective_correct():
    """On a steep triangle the weights give back the point of the plane under the pixel, not a screen average."""
    corners = np.array([[-1.0, 1.0, 1.5], [1.0, 1.0, 2.0], [0.0, -1.5, 9.0]], np.float32)
    focal, centre = np.float32(18.0), np.float32(12.0)
    inverse_z, hit = drawn(to_screen(corners, focal, centre, centre), np.array([[0, 1, 2]], np.int32))
    y, x = np.nonzero(inverse_z)
    weights = np.stack([hit[y, x, 0], hit[y, x, 1], 1 - hit[y, x, 0] - hit[y, x, 1]], 1)
    points = weights @ corners
    assert len(points) > 50
    np.testing.assert_allclose(points[:, 2], 1 / inverse_z[y, x], rtol=1e-4)
    np.testing.assert_allclose(points[:, 0] / points[:, 2] * focal + centre, x + 0.5, atol=2e-3)
    np.testing.assert_allclose(points[:, 1] / points[:, 2] * focal + centre, y + 0.5, atol=2e-3)


@pytest.mark.parametrize("behind_m", [0.01, 0.0, -2.0])
def test_a_triangle_with_a_corner_behind_the_near_plane_is_left_out(behind_m):
    corners = np.array([[-1.0, 1.0, 1.5], [1.0, 1.0, 2.0], [0.0, -1.5, behind_m]], np.float32)
    focal, centre = np.float32(18.0), np.float32(12.0)
    inverse_z, _ = drawn(to_screen(corners, focal, centre, centre), np.array([[0, 1, 2]], np.int32))
    assert not inverse_z.any()


def test_a_closed_mesh_shows_no_cracks(figure):
    """Every pixel well inside the torso is covered, at a size where triangles are smaller than pixels and larger."""
    for focal in (40.0, 400.0):
        points = figure.v_template * np.array([1, -1, -1], np.float32) + np.array([0, 0, 2.0], np.float32)
        inverse_z, _ = drawn(to_screen(points, np.float32(focal), np.float32(12), np.float32(12)), figure.faces)
        assert inverse_z[11:14, 11:14].all()
