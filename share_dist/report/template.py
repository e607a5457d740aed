"""What all our pages have in common: one HTML file that needs nothing else, filled in from templates.

A content policy forbids a page to load anything from anywhere, and allows no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources


def page_bytes(parts: Mapping[str, str], *, styles: Sequence[str], scripts: Sequence[str]) -> bytes:
    """Write a page.

    Args:
        parts: HTML by the names in page.html: title, state, eyebrow, headline, second, tiles, sections, footer, data.
        styles: CSS files of this room, in order.
        scripts: JavaScript files of this room, in order; they share one scope.
    """
    script = "(() => {\n'use strict';\n" + "\n".join(asset(name) for name in scripts) + "\n})();"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    common = {
        "policy": f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        "css": "\n".join(asset(name) for name in styles),
        "script": script,
    }
    return fill(asset("page.html"), {**parts, **common}).encode()


def blocks_of(name: str) -> dict[str, str]:
    """The named blocks of a template, each between `section NAME` and `end`."""
    return dict(re.findall(r"<!-- section (\w+) -->\n(.*?)<!-- end -->", asset(name), flags=re.S))


def fill(template: str, parts: Mapping[str, str]) -> str:
    """Replace each {{name}} once; what is put in is never searched again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def asset(name: str) -> str:
    """A text file that stands beside this module."""
    return resources.files("share_dist.report").joinpath(name).read_text(encoding="utf-8")
