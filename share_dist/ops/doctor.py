"""The doctor: asks every room that touches the outside world, and lays the findings out as one table."""

from __future__ import annotations

from collections.abc import Sequence

from share_dist import body, fleet, render, storage, training
from share_dist.errors import Finding


def examine() -> list[Finding]:
    """Return the findings of every room with a `check()`, in the order data flows."""
    rooms = (storage, body, render, fleet, training)
    return [finding for room in rooms for finding in room.check()]


def doctor_table(findings: Sequence[Finding]) -> str:
    """Lay findings out a line each, with the remedy under each that is not well."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{'ok ' if finding.ok else 'BAD'}  {finding.name:{width}}  {finding.detail}")
        if not finding.ok:
            lines.append(f"{'':{width + 5}}  -> {finding.remedy}")
    return "\n".join(lines)
