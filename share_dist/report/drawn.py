"""What the page's scripts draw, as one block of JSON: grids, curves, regions, colours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from share_dist.report.colours import AFTER_RGB, BEFORE_RGB, change_table, error_table
from share_dist.report.figure import limbs
from share_dist.report.sphere import (
    COLUMNS,
    ROWS,
    curves,
    error_range,
    hardest_direction,
    onto_grid,
    reachable_share,
    tail,
)
from share_dist.report.story import RegionMark, RoundMark, Story
from share_dist.report.words import is_number

_MOST_VIEWS = 1500
"""Judge views drawn as points on the spheres; more would hide what is under them."""

_MOST_MEMBERS = 400


def json_for_script(value: Any) -> str:
    """JSON that may stand inside a script element: NaN and infinities become null, and no tag can end it."""
    text = json.dumps(plain(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def plain(value: Any) -> Any:
    """Mappings, dataclasses, arrays and paths as what JSON knows; whatever is not finite as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if is_number(value) else None
    return value.as_posix() if isinstance(value, Path) else str(value)


def page_data(story: Story) -> dict[str, Any]:
    """What the page's scripts draw: grids, curves, regions, colours."""
    low, high = error_range(story)
    azimuth, elevation = hardest_direction(story)
    data: dict[str, Any] = {
        "scale": {"low": low, "high": high, "table": error_table().ravel()},
        "change": {"table": change_table().ravel()},
        "models": {"before": BEFORE_RGB, "after": AFTER_RGB},
        "limbs": limbs(),
        "start": {"azimuth": azimuth, "elevation": elevation},
        "points": 0 if story.directions is None else len(story.directions),
        "grid": _grids(story),
        "rounds": [_round(story, mark) for mark in story.rounds],
    }
    if story.survey is not None and len(story.survey):
        rows = story.survey
        few = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_VIEWS)).astype(int)
        data["curves"] = plain_rounded(curves(rows), 2)
        tails = {"before": tail(rows.before_mm), "after": tail(rows.after_mm)}
        # Both of one length, because the page draws them on one axis; a model without any value has no line.
        data["tail"] = plain_rounded({model: values or [None] * 101 for model, values in tails.items()}, 1)
        data["views"] = plain_rounded(
            {
                "azimuth": rows.azimuth_deg[few],
                "elevation": rows.elevation_deg[few],
                "before": rows.before_mm[few],
                "after": rows.after_mm[few],
            },
            1,
        )
    return data


def plain_rounded(value: Any, digits: int) -> Any:
    """`plain`, with floats cut to so many digits: a page is not an archive."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: plain_rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_rounded(item, digits) for item in value]
    return round(value, digits) if isinstance(value, float) else value


def _grids(story: Story) -> dict[str, Any]:
    """Fields on the grid, row by row from elevation +90°; tenths of a millimetre are kept."""
    grids: dict[str, Any] = {"columns": COLUMNS, "rows": ROWS}
    if story.directions is None:
        return grids
    for name, sample in (("before", story.before), ("after", story.after)):
        if sample is not None:
            grids[name] = plain_rounded(onto_grid(story.directions, sample.mean_mm).ravel(), 1)
            grids[f"{name}Deviation"] = plain_rounded(onto_grid(story.directions, sample.deviation_mm).ravel(), 1)
    if story.reachable is not None:
        grids["reachable"] = plain_rounded(reachable_share(story).ravel(), 2)
    return grids


def _round(story: Story, mark: RoundMark) -> dict[str, Any]:
    """A round's regions, and its landscape when the story has it."""
    regions = [
        {
            "azimuth": region.azimuth_deg,
            "elevation": region.elevation_deg,
            "distance": region.distance_m,
            "mass": region.mass,
            "peak": region.peak_mm,
            "mean": region.mean_mm,
            "members": _members(region),
        }
        for region in mark.regions
    ]
    grid = None
    if mark.mean_mm is not None and story.directions is not None:
        grid = onto_grid(story.directions, mark.mean_mm).ravel()
    return plain_rounded(
        {"round": mark.round, "attempt": mark.attempt, "accepted": mark.accepted, "regions": regions, "mean": grid}, 3
    )


def _members(region: RegionMark) -> np.ndarray:
    """Azimuth and elevation of a region's points in turn, thinned evenly."""
    both = np.stack([region.member_azimuth_deg, region.member_elevation_deg], axis=-1)
    few = np.linspace(0, len(both) - 1, min(len(both), _MOST_MEMBERS)).astype(int)
    return np.round(both[few], 1).ravel()
