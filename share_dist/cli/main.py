"""The entry point: picks the command, prints errors a person can act on, and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from share_dist import errors
from share_dist.cli.output import prepare_output
from share_dist.cli.say import complain, nobody_reads, say
from share_dist.cli.stopping import Stopping
from share_dist.masking import without_words

EXIT_STATUSES = (
    "0 done, 1 doctor, lint, ls, verify or chaos found fault, 2 see the message, 3 no round accepted, 4 workers lost, "
    "130 stopped, 143 by SIGTERM, 129 by a closed terminal"
)
PYTHONS = ((3, 11), (3, 14))
"""The first version that we run on, and the first that nobody tried; as `requires-python` says."""
_NOBODY_READS = 141
"""As a shell reports a program that SIGPIPE ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line, print the error of a user's making, and return the exit status of `EXIT_STATUSES`."""
    words = list(sys.argv[1:] if argv is None else argv)
    prepare_output()
    with Stopping() as stopping:
        try:
            _require_python()
            _require_threads()
            status = run_line(words)
            return _NOBODY_READS if nobody_reads() else status
        except SystemExit:
            # A parser's own end, after help or a refusal.
            if not nobody_reads():
                raise
            return _NOBODY_READS
        except errors.ShareDistError as error:
            message = without_words(str(error), words)
            complain(f"\n{type(error).__name__}: {message}")
            return error.exit_status
        except BrokenPipeError:
            # A connection may break too, and that must not pass unseen.
            if not nobody_reads():
                raise
            return _NOBODY_READS
        except KeyboardInterrupt:
            return _stopped(stopping.status)


def _require_python() -> None:
    # Before anything heavy is imported, of which another Python would complain in words of its own.
    lowest, beyond = PYTHONS
    if not lowest <= sys.version_info[:2] < beyond:
        raise errors.OtherVersion(
            f"this is Python {'.'.join(map(str, sys.version_info[:3]))}, but share_dist runs on Python "
            f"{lowest[0]}.{lowest[1]} to {beyond[0]}.{beyond[1] - 1}, for which its packages are made.\n"
            f"  Make an environment of one of them: make setup PYTHON=python{lowest[0]}.{lowest[1]}"
        )


def _require_threads() -> None:
    # Numba ends in a traceback when it is imported.
    given = os.environ.get("NUMBA_NUM_THREADS", "1").strip()
    if given.removeprefix("-").isdecimal() and int(given) < 1:
        raise errors.BadSetting(
            f"NUMBA_NUM_THREADS is {given}, but a kernel needs at least one thread.\n"
            "  Set it to 1 or more, or unset it."
        )


def run_line(words: list[str]) -> int:
    """Run the command that the first word names on the rest of the line."""
    # Only now, so that whatever keeps a package from being imported is answered as other errors are.
    from share_dist.cli.commands import COMMANDS
    from share_dist.cli.line import with_home

    if not words or words[0] in ("-h", "--help"):
        say(usage())
        return 0 if words else errors.ShareDistError.exit_status
    if words[0] not in COMMANDS:
        hint = errors.nearest_name(words[0], COMMANDS)
        raise errors.BadSetting(f"there is no command '{words[0]}'{hint}\n  See share-dist --help.")
    return COMMANDS[words[0]](with_home(words[1:]))


def _stopped(status: int) -> int:
    from share_dist.storage import taken_over

    lost = taken_over()
    if lost:
        complain(f"\n{type(lost).__name__}: {lost}")
        return lost.exit_status
    # A terminal that was closed takes no more words.
    with contextlib.suppress(OSError):
        complain("\nStopped. Run the same command again to go on from here.")
    return status


def usage() -> str:
    """What `share-dist --help` prints: the commands and the recipes, a line each."""
    from share_dist.cli.commands import COMMANDS
    from share_dist.recipes import RECIPES

    lines = ["usage: share-dist COMMAND [RECIPE] [options]", "", "commands:"]
    lines += [f"  {name:10} {first_line(run)}" for name, run in COMMANDS.items()]
    lines += ["", "recipes:"]
    lines += [f"  {name:12} {first_line(recipe)}" for name, recipe in RECIPES.items()]
    lines += ["", f"exit status: {EXIT_STATUSES}"]
    lines += ["", "share-dist share demo --help lists every setting with its reason."]
    return "\n".join(lines)


def first_line(thing: object) -> str:
    """The first line of a docstring."""
    return (thing.__doc__ or "").strip().splitlines()[0]
