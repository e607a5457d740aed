"""Lint of cluster files: what `ray up` or kubectl would launch, refused by name where it is not safe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from share_dist.errors import Finding
from share_dist.ops.launch_reading import read_launch_file
from share_dist.ops.launch_rules import RULES

OURS = ("ray_cluster.yaml", "cluster/local.yaml", "cluster/gcp.yaml", "cluster/kuberay.yaml")
"""The project's own cluster files, from its root."""


def lint(paths: Sequence[Path]) -> list[Finding]:
    """Hold cluster files against every rule; a file without fault gets one good finding.

    Raises:
        errors.BadSetting: one of them is no cluster file.
    """
    findings = []
    for path in paths:
        file = read_launch_file(path)
        faults = [
            Finding(f"{path}: {rule.name}", False, detail, f"{rule.remedy} ({rule.reason})")
            for rule in RULES
            for detail in dict.fromkeys(rule.find(file))
        ]
        findings += faults or [Finding(str(path), True, f"safe to launch{_blanks(path)}")]
    return findings


def _blanks(path: Path) -> str:
    text = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)
    blanks = dict.fromkeys(re.findall(r"[\w./:@-]*FILL-IN[\w./:@-]*", text))
    return f", once filled in: {', '.join(blanks)}" if blanks else ""
