"""Commands about cluster files: lint."""

from __future__ import annotations

from pathlib import Path

from share_dist.cli.say import say


def lint(words: list[str]) -> int:
    """Refuse cluster files with unsafe settings, by name: `share-dist lint [FILE…]`, or all of the project's."""
    from share_dist.ops.doctor import doctor_table
    from share_dist.ops.launch_files import OURS, lint

    if words and words[0].startswith("-"):
        say("usage: share-dist lint [FILE…]\n\nHold cluster files against the rules of docs/security.md.")
        return 0 if words[0] in ("-h", "--help") else 2
    findings = lint([Path(word) for word in words or OURS])
    say(doctor_table(findings))
    return 0 if all(finding.ok for finding in findings) else 1
