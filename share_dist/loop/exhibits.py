"""What the report shows beyond tables, computed once while the fleet is there: spheres of error and worst views."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from share_dist.body import BodyLayer
from share_dist.camera import Clearance
from share_dist.geometry import angles_from_direction, fibonacci_directions
from share_dist.landscape import Landscape
from share_dist.loop.plans import judge_plans
from share_dist.loop.rounds import BASE_MODEL, FINAL_MODEL, Run, Surveys, landscape_of
from share_dist.models import load_checkpoint, predict
from share_dist.render import Records, make_renderer
from share_dist.report import AFTER_RGB, BEFORE_RGB, full_perspective, overlay
from share_dist.storage import Store, read_arrays
from share_dist.survey import Survey, measured

Arrays = dict[str, np.ndarray]
SPHERE_POINTS = 4096
REFERENCE_DISTANCE_M = 2.5
GALLERY_VIEWS = 12
GALLERY_PX = 288
FILE = "exhibits.npz"
_MOST_BYTES = 256 << 20
"""A gallery has 9 million bytes, and each round 64 thousand."""


def save_arrays(arrays: Arrays, store: Store) -> None:
    """Keep named arrays as one npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    store.write_once(FILE, buffer.getvalue())


def load_arrays(store: Store) -> Arrays:
    """Read them back; nothing in the file can run code."""
    return read_arrays(store, FILE, _MOST_BYTES)


def sphere_arrays(run: Run, before: Surveys, after: Surveys, rounds: Sequence[Landscape]) -> Arrays:
    """Landscapes read at evenly spread directions.

    Before and after are fitted to judge views, to be looked at only; each round's own is the one, fitted to steer
    views, from which its cameras came.
    """
    directions = fibonacci_directions(SPHERE_POINTS)
    result: Arrays = {"directions": directions, "reachable": reachable(run, directions)}
    cameras = level_cameras(directions)
    for name, surveys in (("before", before), ("after", after)):
        landscape = landscape_of(surveys["all_cameras"], run.config.landscape)
        result[f"{name}_mean_mm"] = landscape.mean(cameras)
        result[f"{name}_deviation_mm"] = landscape.deviation(cameras)
    for index, landscape in enumerate(rounds):
        result[f"round_{index}_mean_mm"] = landscape.mean(cameras)
    return result


def level_cameras(directions: np.ndarray) -> Arrays:
    """Columns of level, centred cameras in these directions, at the reference distance."""
    azimuth, elevation = angles_from_direction(directions)
    zeros = np.zeros(len(directions))
    return {
        "azimuth_deg": np.degrees(azimuth),
        "elevation_deg": np.degrees(elevation),
        "distance_m": np.full(len(directions), REFERENCE_DISTANCE_M),
        "roll_deg": zeros,
    }


def reachable(run: Run, directions: np.ndarray) -> np.ndarray:
    """Where a camera at the reference distance stands above the floor of the median person."""
    views = judge_plans(run.config)["all_cameras"].views(range(256), run.fleet.body)
    floor_m = float(np.median([view.floor_m for view in views]))
    return directions[:, 1] * REFERENCE_DISTANCE_M >= floor_m + (Clearance().floor_m or 0.0)


def gallery_arrays(run: Run, before: Survey) -> Arrays:
    """The judge views on which the base model erred most: pictures, and both models' meshes over them."""
    known = measured(before)
    numbers = known["view_number"][np.argsort(-known["mpjpe_mm"], kind="stable")[:GALLERY_VIEWS]]
    plan, body = judge_plans(run.config)["all_cameras"], run.fleet.body
    seen = run.fleet.records(plan, numbers)
    engine = make_renderer(body, replace(run.config.render, size_px=GALLERY_PX))
    shown = engine.records(plan.views(numbers, body))
    layer = BodyLayer(body)
    return {
        "gallery_numbers": np.asarray(numbers, np.int64),
        "gallery_picture": shown.image,
        "gallery_before": meshes(run, BASE_MODEL, seen, shown, layer, BEFORE_RGB),
        "gallery_after": meshes(run, FINAL_MODEL, seen, shown, layer, AFTER_RGB),
    }


def meshes(
    run: Run,
    model: str,
    seen: Records,
    shown: Records,
    layer: BodyLayer,
    colour: tuple[int, int, int],
) -> np.ndarray:
    """Each picture with the mesh that a model saw in it, which looked at `seen` and is drawn over `shown`."""
    network, _ = load_checkpoint(run.store.read(model), run.fleet.body.hash)
    estimate = predict(network, seen.image, run.config.survey.precision)
    with torch.no_grad():
        vertices_m = layer.vertices(estimate.pose, estimate.betas)[0].numpy()
    pictures = []
    for row in range(len(seen)):
        if not (np.isfinite(vertices_m[row]).all() and torch.isfinite(estimate.camera[row]).all()):
            pictures.append(shown.image[row])  # no finite answer, so there is no mesh to draw
            continue
        placed = full_perspective(vertices_m[row], estimate.camera[row].numpy(), shown, row)
        pictures.append(overlay(shown.image[row], *placed, run.fleet.body.faces, colour, GALLERY_PX))
    return np.stack(pictures)
