"""The commands that look at what is stored: ls, pull, verify."""

from __future__ import annotations

from share_dist.cli.say import say

_SHOWN = 20


def ls(words: list[str]) -> int:
    """List the runs in a folder or a bucket: what each is, how far it came, how large it is."""
    from share_dist.ops import look, runs_table

    if len(words) != 1 or words[0].startswith("-"):
        say("usage: share-dist ls URI\n\nList the runs at or below URI, a folder or s3://bucket/folder.")
        return 0 if words and words[0] in ("-h", "--help") else 2
    runs, others = look(words[0])
    if runs or others:
        say(runs_table([*runs, *others]))
    if not runs:
        say(f"There is no run at or below {words[0]}.")
    return 1 if any(row.damaged for row in (*runs, *others)) else 0


def pull(words: list[str]) -> int:
    """Fetch a run into a folder, every hash compared; nothing there is overwritten."""
    from share_dist.ops import pull as fetch

    if len(words) not in (1, 2) or words[0].startswith("-"):
        say("usage: share-dist pull URI [DIR]\n")
        say("Fetch the run at URI, a folder or s3://bucket/folder, into DIR, or into runs/ under its own name.")
        say("Stopped in the middle, the same command goes on; other bytes under the same name are never overwritten.")
        return 0 if words and words[0] in ("-h", "--help") else 2
    say(f"\nThe run lies in {fetch(*words).uri()}")
    return 0


def _list(what: str, addresses: list[str]) -> None:
    if addresses:
        shown = "\n  ".join(addresses[:_SHOWN])
        more = f"\n  and {len(addresses) - _SHOWN:,} more" if len(addresses) > _SHOWN else ""
        say(f"\n{len(addresses):,} files are {what}:\n  {shown}{more}")


def verify(words: list[str]) -> int:
    """Compare all that is stored in a folder or a bucket with its hashes; name what is damaged, gone or foreign."""
    from share_dist.ops import verify as examine

    if len(words) != 1 or words[0].startswith("-"):
        say("usage: share-dist verify URI\n\nCompare each object at or below URI with its hash, and list damage.")
        return 0 if words and words[0] in ("-h", "--help") else 2
    verdict = examine(words[0])
    say(f"\n{verdict.stages} stages with {verdict.objects} objects were compared: ", end="")
    say("each is what was stored." if not verdict.damage else f"{len(verdict.damage)} damaged.")
    for problem in verdict.damage[:_SHOWN]:
        say(f"\n{problem}")
    if len(verdict.damage) > _SHOWN:
        say(f"\nand {len(verdict.damage) - _SHOWN:,} more.")
    _list("not guarded, because an earlier version made them or their run is not finished", verdict.unguarded)
    _list("part of no run, and were not compared", verdict.strays)
    return 1 if verdict.damage else 0
