"""Lint of cluster files: what `ray up` or kubectl would launch, refused by name where it is not safe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from share_dist.errors import BadSetting, Finding, ShareDistError
from share_dist.ops.launch_reading import read_launch_file
from share_dist.ops.launch_rules import RULES

OURS = ("ray_cluster.yaml", "cluster/local.yaml", "cluster/gcp.yaml", "cluster/kuberay.yaml")
"""The project's own cluster files, from its root."""

_BLANK = re.compile(r"[\w./:@-]*FILL[-_]IN[\w./:@-]*", re.IGNORECASE)
_FILL_IN_REMEDY = "write your own value there (cluster/README.md says where it comes from)"


def lint(paths: Sequence[Path]) -> list[Finding]:
    """Hold cluster files against every rule; what is still to be filled in is a fault too, by its line.

    A file without fault gets one good finding.

    Raises:
        errors.BadSetting: one of them is no cluster file.
    """
    findings = []
    for path in paths:
        try:
            file = read_launch_file(path)
            faults = [
                Finding(f"{path}: {rule.name}", False, detail, f"{rule.remedy} ({rule.reason})")
                for rule in RULES
                for detail in dict.fromkeys(rule.find(file))
            ]
        except ShareDistError:
            raise
        # A text in place of a section, a section in place of a list: whatever a rule then asks of it.
        except (AttributeError, TypeError, LookupError, ValueError) as error:
            raise BadSetting(
                f"{path} has a section of another kind than `ray up` or Kubernetes wants ({error}).\n"
                f"  Compare it with {OURS[0]}, or {OURS[-1]} for Kubernetes."
            ) from error
        faults += [
            Finding(f"{path}:{line}: fill-in", False, f"{word} stands there still", _FILL_IN_REMEDY)
            for line, word in blanks(file.text)
        ]
        findings += faults or [Finding(str(path), True, "safe to launch")]
    return findings


def blanks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line, counted from 1, and the word of each place in a YAML text that waits for a value of one's own.

    Comments, which tell what to fill in, are passed over.
    """
    for token in yaml.scan(text):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark, token.end_mark
            for found in _BLANK.finditer(text, start.index, end.index):
                yield start.line + 1 + text.count("\n", start.index, found.start()), found[0]
