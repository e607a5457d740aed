"""What a file that belongs to no run says of itself: a bench, an audit, a study, or the summary of a repair."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file or a folder that was kept to show something."""

    place: str
    """Its key; that of its folder where the file tells of the whole of it."""

    kind: str
    detail: str = ""

    many: str = ""
    """What several of this kind in one folder are together; nothing where each counts for itself."""


def evidence(key: str, data: bytes) -> Evidence | None:
    """Say what a file is, by what it names itself or by what it holds; None where nobody here knows."""
    path = PurePosixPath(key)
    if path.suffix == ".md":
        first = data.decode("utf-8", "replace").lstrip("\ufeff").partition("\n")[0]
        return Evidence(key, "text", first.lstrip("# ").strip()) if first.startswith("# ") else None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    place = key.rpartition("/")[0] if path.name == SUMMARY else key
    return _of_object(place, found) if isinstance(found, dict) else _of_list(place, found)


def _of_object(place: str, found: Mapping[str, Any]) -> Evidence | None:
    seed = f"seed {found['seed']}" if "seed" in found else ""
    command = found.get("command")
    words = command.split() if isinstance(command, str) else []
    if {"before", "after", "rounds"} <= found.keys():
        return Evidence(place, "summary of a repair", seed, "study of repairs")
    if words[:2] == ["share-dist", "bench"] and len(words) > 2:
        return Evidence(place, f"bench of {words[2]}")
    if words[:2] == ["share-dist", "chaos"]:
        return Evidence(place, "chaos audit", seed, "chaos audits")
    if words[:2] == ["share-dist", "sweep"] or {"trials", "objectives"} <= found.keys():
        return Evidence(place, "summary of a sweep", str(found.get("title", "")))
    if "variance_shares" in found:
        return Evidence(place, "summary of a survey")
    if {"architecture", "model_hash"} <= found.keys():
        return Evidence(place, "card of a network")
    if {"before", "after", "views", "seed"} <= found.keys():
        return Evidence(place, "study of forgetting", seed)
    if found and all(isinstance(part, dict) and {"value", "from"} <= part.keys() for part in found.values()):
        return Evidence(place, "study of scaling")
    return Evidence(place, f"result of `{command}`") if words[:1] == ["share-dist"] else None


def _of_list(place: str, found: Any) -> Evidence | None:
    rows = found if isinstance(found, list) else []
    if rows and all(isinstance(row, dict) and {"zero_stage", "ranks"} <= row.keys() for row in rows):
        return Evidence(place, "study of ranks and ZeRO stages")
    return None
