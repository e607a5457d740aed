"""Colours people wear and places have; some palettes and kinds of background are the judge's alone."""

from __future__ import annotations

from share_dist.scene.parts import RGB, BackgroundKind


def _colours(*codes: str) -> tuple[RGB, ...]:
    """Colours from six hexadecimal digits each."""
    return tuple((int(c[:2], 16) / 255, int(c[2:4], 16) / 255, int(c[4:], 16) / 255) for c in codes)


CLOTHES: dict[str, tuple[RGB, ...]] = {
    "denim": _colours("2b3a55", "3f5f8a", "6f8fb5", "a9bfd6", "e8ecef", "1d2533"),
    "earth": _colours("5b4632", "7a6a4f", "9c8a66", "c2b08a", "4c5a3c", "2e2a24"),
    "greys": _colours("17181a", "3a3c40", "6b6e73", "9ea2a8", "d5d8dc", "f4f4f2"),
    "sport": _colours("c1272d", "e8832a", "f2c230", "1f7a4d", "1b4f9c", "101418"),
    "wine": _colours("5a1f2b", "87324a", "b5657a", "3b2438", "d9c3b8", "22181c"),
}
"""Worn in every split."""

JUDGE_CLOTHES: dict[str, tuple[RGB, ...]] = {
    "pastel": _colours("bfe3d0", "f6d5de", "cdd3f2", "f7ecc9", "d9c7e8", "a8cfd8"),
    "neon": _colours("39ff6a", "ff3fb4", "f6ff33", "33e1ff", "ff6a1a", "1a1a1a"),
}
"""Worn by some of the judge's people only."""

SKIN = _colours("f3d7c2", "e9bf9f", "dba97f", "c68c5f", "a86f45", "8a5433", "643a24", "452818")
"""From light to dark; each person's lies somewhere between two neighbours."""

HAIR = _colours("15110f", "2c1e16", "4a3121", "6f4a2a", "a4743f", "cfae74", "8c8c8c", "d9d6cf", "7d2b1c")
"""Black, browns, blonds, greys and red."""

BACKGROUND_KINDS: dict[BackgroundKind, float] = {
    "room": 0.28,
    "field": 0.22,
    "clouds": 0.25,
    "gradient": 0.15,
    "stripes": 0.10,
}
"""How often each occurs in every split: half of the places have a floor, as pictures of people do."""

JUDGE_BACKGROUND_KINDS: dict[BackgroundKind, float] = {"blocks": 0.5, "checks": 0.5}
"""Behind some of the judge's people only."""

PLACES: dict[str, tuple[RGB, ...]] = {
    "indoor": _colours("c9b79c", "8c6b4a", "e6dfd3", "b8c0c4", "6e7377", "d8cbb8", "a3b0a0", "7f5f4a"),
    "outdoor": _colours("5f7d3a", "7f8f5a", "8fb4d9", "b9cfe3", "9a8f7a", "6b6a66", "c8b58a", "4f6b8a"),
    "studio": _colours("202326", "55585c", "8e9296", "c6c9cc", "f1f1ef", "324a6b", "6b3a3a", "3d5c47"),
}
"""Colours of backgrounds: floors, walls, skies, plants."""
