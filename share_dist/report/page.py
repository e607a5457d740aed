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
from html import escape
from importlib import resources
from typing import Any

from share_dist.report.drawn import json_for_script, page_data, plain
from share_dist.report.gallery import gallery_html
from share_dist.report.story import Story
from share_dist.report.tables import figures_html, flat, rounds_html, seconds_html, tiles_html
from share_dist.report.words import headline, second_line

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
        "second": escape(second_line(story.summary)) if story.repaired else "",
        "tiles": tiles_html(story.summary),
        "sections": _sections(story),
        "data": json_for_script(page_data(story)),
        "script": script,
    }
    return _fill(_asset("page.html"), parts).encode()


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
