"""The page of a run: one HTML file that needs nothing else.

Words and tables are written here, so that the page is readable without scripts; spheres, maps and curves are drawn by
the page's own scripts from one JSON block. A content policy forbids the page to load anything from anywhere, and
allows no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from share_dist.report.colours import AFTER_RGB, BEFORE_RGB, change_table, error_table
from share_dist.report.figure import limbs
from share_dist.report.gallery import gallery_html
from share_dist.report.sphere import COLUMNS, ROWS, curves, error_range, hardest_direction, onto_grid, tail
from share_dist.report.story import RoundMark, Story
from share_dist.report.tables import figures_html, flat, rounds_html, seconds_html, tiles_html
from share_dist.report.words import headline, is_number, second_line

_SCRIPTS = ("page.js", "sphere.js", "person.js", "maps.js", "rounds.js", "charts.js", "start.js")


def write_report(story: Story) -> bytes:
    """One self-contained HTML page (UTF-8), a few megabytes at most with 24 gallery items of 256 px.

    The same story gives the same bytes. Sections whose part of the story is missing are left out; a run in which no
    round was accepted says so in its headline.
    """
    script = "(() => {\n'use strict';\n" + "\n".join(_asset(name) for name in _SCRIPTS) + "\n})();"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "policy": f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        "title": escape(f"{story.title or 'run'} · share_dist"),
        "css": _asset("page.css"),
        "state": "repaired" if story.repaired else "failed",
        "eyebrow": _eyebrow(story),
        "headline": escape(headline(story.summary, story.repaired)),
        "second": escape(second_line(story.summary)),
        "tiles": tiles_html(story.summary),
        "sections": _sections(story),
        "data": json_for_script(page_data(story)),
        "script": script,
    }
    return _fill(_asset("page.html"), parts).encode()


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
        few = np.linspace(0, len(rows) - 1, min(len(rows), 1500)).astype(int)
        data["curves"] = plain_rounded(curves(rows), 2)
        data["tail"] = plain_rounded({"before": tail(rows.before_mm), "after": tail(rows.after_mm)}, 1)
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
        share = onto_grid(story.directions, story.reachable.astype(np.float64))
        grids["reachable"] = (share.ravel() >= 0.5).astype(int)
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
            "members": np.stack([region.member_azimuth_deg, region.member_elevation_deg], axis=-1)[:400].ravel(),
        }
        for region in mark.regions
    ]
    known = mark.mean_mm is not None and story.directions is not None
    grid = onto_grid(story.directions, mark.mean_mm).ravel() if known else None  # pyright: ignore[reportArgumentType]
    return plain_rounded(
        {"round": mark.round, "attempt": mark.attempt, "accepted": mark.accepted, "regions": regions, "mean": grid}, 3
    )


def _sections(story: Story) -> str:
    """Every section that has something to show, in reading order."""
    template = _asset("sections.html")
    blocks = dict(re.findall(r"<!-- section (\w+) -->\n(.*?)<!-- end -->", template, flags=re.S))
    on_sphere = story.before is not None or story.after is not None
    settings, versions = story.settings, story.summary.get("versions") or {}
    shown = {
        "spheres": on_sphere,
        "maps": on_sphere,
        "curves": story.survey is not None and len(story.survey) > 0,
        "regions": any(mark.regions for mark in story.rounds),
        "rounds": bool(story.rounds),
        "gallery": bool(story.gallery),
        "figures": bool(figures_html(story.summary)),
        "run": True,
    }
    parts = {
        "distance": f"{story.reference_distance_m:g}",
        "hatched": " Hatched: no camera can stand there, it is below the floor." if story.reachable is not None else "",
        "rounds": rounds_html(story.rounds),
        "rule": escape(story.gallery_rule),
        "gallery": gallery_html(story.gallery),
        "figures": figures_html(story.summary),
        "seconds": seconds_html(story.summary),
        "versions": _pairs(versions),
        "settings": _pairs(dict(flat(plain(settings)))),
        "summary": escape(json.dumps(plain(story.summary), indent=1, ensure_ascii=False)),
    }
    return "".join(_fill(blocks[name], parts) for name, wanted in shown.items() if wanted)


def _pairs(values: Mapping[str, Any]) -> str:
    """Names and values as a definition list."""
    rows = "".join(f"<div><dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd></div>" for k, v in values.items())
    return f"<dl class='pairs'>{rows}</dl>" if rows else "<p class='quiet'>none recorded</p>"


def _eyebrow(story: Story) -> str:
    """Which run this is."""
    body = story.summary.get("body")
    name = body.get("name") if isinstance(body, Mapping) else body
    facts = [story.title, f"body: {name}" if name else "", f"seed {story.summary.get('seed', '?')}"]
    return " · ".join(escape(fact) for fact in facts if fact)


def _fill(template: str, parts: Mapping[str, str]) -> str:
    """Replace each {{name}} once; what is put in is never searched again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _asset(name: str) -> str:
    """A text file that stands beside this module."""
    return resources.files("share_dist.report").joinpath(name).read_text(encoding="utf-8")
