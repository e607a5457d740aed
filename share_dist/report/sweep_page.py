"""The page of a sweep: one HTML file that needs nothing else, with every chart drawn before it is opened."""

from __future__ import annotations

from html import escape

from share_dist.report.sweep_charts import history_html, scatter_html
from share_dist.report.sweep_rails import rails_html
from share_dist.report.sweep_story import SweepStory
from share_dist.report.sweep_tables import (
    commands_html,
    importances_html,
    repeats_html,
    settings_html,
    sweep_tiles_html,
    trials_html,
)
from share_dist.report.sweep_words import best_of, is_going_on, sweep_headline, sweep_second_line
from share_dist.report.tables import pairs_html
from share_dist.report.template import blocks_of, fill, page_bytes


def write_sweep_report(story: SweepStory) -> bytes:
    """One self-contained HTML page (UTF-8); some 200 KB for 40 trials of ten settings.

    The same story gives the same bytes. Sections that have nothing to show are left out; a sweep in which no trial was
    done says so in its headline.
    """
    blocks = blocks_of("sweep.html")
    facts = [story.title, f"sweep of {story.recipe}"]
    parts = {
        "title": escape(f"{story.title or 'sweep'} · share_dist"),
        "state": "searched" if best_of(story) is not None or is_going_on(story) else "failed",
        "eyebrow": " · ".join(escape(fact) for fact in facts if fact),
        "headline": escape(sweep_headline(story)),
        "second": escape(sweep_second_line(story)),
        "tiles": sweep_tiles_html(story),
        "sections": _sections(story, blocks),
        "footer": blocks["footer"].strip(),
        "data": "",
    }
    return page_bytes(parts, styles=["page.css", "sweep.css"], scripts=["theme.js", "sweep.js"])


def _sections(story: SweepStory, blocks: dict[str, str]) -> str:
    """Every section that has something to show, in reading order."""
    found = best_of(story) is not None
    charts = history_html(story) + "".join(scatter_html(story, other) for other in list(story.figures)[1:])
    rails = rails_html(story)
    shown = {
        "best": bool(story.space),
        "repeats": bool(story.repeats),
        "search": bool(charts),
        "importance": bool(story.trials),
        "lines": bool(rails),
        "trials": bool(story.trials),
        "facts": bool(story.facts),
    }
    parts = {
        "best_title": "The best settings" if found else "What is searched",
        "rule": escape(story.rule) if found else "",
        "settings": settings_html(story),
        "commands": commands_html(story.commands),
        "repeats": repeats_html(story),
        "charts": charts,
        "importances": importances_html(story),
        "rails": rails,
        "trials": trials_html(story),
        "facts": pairs_html(story.facts),
    }
    return "".join(fill(blocks[name], parts) for name, wanted in shown.items() if wanted)
