"""The page of a run: one HTML file that needs nothing else.

Words and tables are written here, so that the page is readable without scripts; spheres, maps and curves are drawn by
the page's own scripts from one JSON block.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape

import numpy as np

from share_dist.report.drawn import json_for_script, page_data, plain
from share_dist.report.gallery import gallery_html
from share_dist.report.story import Story
from share_dist.report.tables import figures_html, flat, pairs_html, rounds_html, seconds_html, tiles_html
from share_dist.report.template import blocks_of, fill, page_bytes
from share_dist.report.words import WHY_NO_VALUE, headline, second_line, views_without

_SCRIPTS = ("theme.js", "page.js", "sphere.js", "person.js", "maps.js", "rounds.js", "charts.js", "start.js")


def write_report(story: Story) -> bytes:
    """One self-contained HTML page (UTF-8), a few megabytes at most with 24 gallery items of 256 px.

    The same story gives the same bytes. Sections whose part of the story is missing are left out; a run in which no
    round was accepted says so in its headline.
    """
    blocks = blocks_of("sections.html")
    parts = {
        "title": escape(f"{story.title or 'run'} · share_dist"),
        "state": "repaired" if story.repaired else "failed",
        "eyebrow": _eyebrow(story),
        "headline": escape(headline(story.summary, story.repaired)),
        "second": escape(second_line(story.summary)) if story.repaired else "",
        "tiles": tiles_html(story.summary),
        "sections": _sections(story, blocks),
        "footer": blocks["footer"].strip(),
        "data": fill(blocks["data"], {"data": json_for_script(page_data(story))}),
    }
    return page_bytes(parts, styles=["page.css"], scripts=_SCRIPTS)


def _sections(story: Story, blocks: Mapping[str, str]) -> str:
    """Every section that has something to show, in reading order."""
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
        "unmeasured": _unmeasured(story),
        "rounds": rounds_html(story.rounds),
        "rule": escape(story.gallery_rule),
        "gallery": gallery_html(story.gallery),
        "figures": figures_html(story.summary),
        "seconds": seconds_html(story.summary),
        "versions": pairs_html(versions),
        "settings": pairs_html(dict(flat(plain(settings)))),
        "summary": escape(json.dumps(plain(story.summary), indent=1, ensure_ascii=False)),
    }
    return "".join(fill(blocks[name], parts) for name, wanted in shown.items() if wanted)


def _unmeasured(story: Story) -> str:
    """How many judge views have no error, and why; nothing where all have one."""
    if story.survey is None:
        return ""
    before, after = (int((~np.isfinite(each)).sum()) for each in (story.survey.before_mm, story.survey.after_mm))
    counts = views_without(before, after)
    if not counts:
        return ""
    return f" Of {len(story.survey):,} views {counts}, because {WHY_NO_VALUE}; lines and bands are of the others."


def _eyebrow(story: Story) -> str:
    """Which run this is."""
    body = story.summary.get("body")
    name = body.get("name") if isinstance(body, Mapping) else body
    facts = [story.title, f"body: {name}" if name else "", f"seed {story.summary.get('seed', '?')}"]
    return " · ".join(escape(fact) for fact in facts if fact)
