"""The doctor: asks every room that touches the outside world, here or on all nodes: one table of answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from share_dist import body, fleet, render, storage, training
from share_dist.errors import Finding
from share_dist.ops.facts import NodeFacts

CLOCK_LIMIT_S = 2.0
"""A bucket refuses a clock that is a quarter of an hour off; time servers keep machines within a hundredth of a second,
so that more than this means that none is asked."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What one node answered."""

    name: str
    findings: tuple[Finding, ...]
    facts: NodeFacts | None = None
    """None when the node did not answer."""

    clock_off_s: float = 0.0
    """How far its clock is from the driver's, beyond what the round trip explains."""


def rooms_checks(out: str | None = None) -> dict[ModuleType, Callable[[], list[Finding]]]:
    """The rooms with a `check()`, in the order data flows, asked about results at `out`."""
    rooms = {room: room.check for room in (storage, body, render, fleet, training)}
    return {**rooms, storage: lambda: storage.check(out)} if out else rooms


def examine(out: str | None = None) -> list[Finding]:
    """Return the findings of every room on this machine."""
    return [finding for check in rooms_checks(out).values() for finding in check()]


def doctor_table(findings: Sequence[Finding]) -> str:
    """Lay findings out a line each, with the remedy under each that is not well."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{_mark(finding)}  {finding.name:{width}}  {finding.detail}")
        if not finding.ok:
            lines.append(f"{'':{width + 5}}  -> {finding.remedy}")
    return "\n".join(lines)


def cluster_table(reports: Sequence[NodeReport]) -> str:
    """Lay out what all nodes answered: what they have in common in one line, the rest by node, remedies below."""
    whose: dict[Finding, list[str]] = {}
    for report in reports:
        for finding in report.findings:
            whose.setdefault(finding, []).append(report.name)
    rows = [(_folded(names, len(reports)), finding) for finding, names in whose.items()]
    rows += [("between nodes", finding) for finding in agreement(reports)]
    order = list(dict.fromkeys(finding.name for _, finding in rows))
    rows.sort(key=lambda row: order.index(row[1].name))
    who_width, name_width = (max(map(len, column)) for column in ([w for w, _ in rows], order))
    lines = []
    for who, finding in rows:
        lines.append(f"{_mark(finding)}  {finding.name:{name_width}}  {who:{who_width}}  {finding.detail}")
        if not finding.ok:
            lines.append(f"{'':{name_width + who_width + 7}}  -> {finding.remedy}")
    return "\n".join(lines)


def all_findings(reports: Sequence[NodeReport]) -> list[Finding]:
    """Every node's findings, and those between nodes."""
    return [*(finding for report in reports for finding in report.findings), *agreement(reports)]


def agreement(reports: Sequence[NodeReport]) -> list[Finding]:
    """Return what must be equal on all nodes that answered, and whether it is."""
    answered = {report.name: report.facts for report in reports if report.facts is not None}
    return [
        _equal(
            "versions",
            {name: facts.versions for name, facts in answered.items()},
            "Use one image for all nodes, or `pip install -c constraints.txt` on those that differ.",
        ),
        _equal(
            "source",
            {name: {"share_dist": facts.source} for name, facts in answered.items()},
            "Submit with --working-dir . so that every node runs the same files, or bring all to one version.",
        ),
        _equal(
            "body files",
            {name: {"body": facts.body} for name, facts in answered.items()},
            "Copy the same SMPL files to body.folder on every node.",
        ),
        _clocks(reports),
    ]


def _equal(what: str, values: Mapping[str, Mapping[str, str]], remedy: str) -> Finding:
    common = {key: Counter(each.get(key, "none") for each in values.values()) for one in values.values() for key in one}
    apart = [key for key, counts in common.items() if len(counts) > 1]
    if not apart:
        same = ", ".join(f"{key} {next(iter(counts))}" for key, counts in common.items())
        return Finding(what, True, f"equal on {len(values)} nodes: {same}")
    usual = {key: common[key].most_common(1)[0][0] for key in apart}
    odd = [
        f"{name} has {key} {each.get(key, 'none')}, others {usual[key]}"
        for key in apart
        for name, each in values.items()
        if each.get(key, "none") != usual[key]
    ]
    return Finding(what, False, "; ".join(odd), remedy)


def _clocks(reports: Iterable[NodeReport]) -> Finding:
    off = {report.name: report.clock_off_s for report in reports if report.facts is not None}
    wrong = [f"{name} is {value:+.1f} s off" for name, value in off.items() if abs(value) > CLOCK_LIMIT_S]
    if wrong:
        return Finding("clock", False, "; ".join(wrong), "Run a time service there: `timedatectl set-ntp true`.")
    return Finding("clock", True, f"within {max(map(abs, off.values()), default=0.0):.1f} s of the driver's")


def _folded(names: Sequence[str], of: int) -> str:
    return f"all {of} nodes" if len(names) == of > 1 else ", ".join(names)


def _mark(finding: Finding) -> str:
    return "ok " if finding.ok else "BAD"
