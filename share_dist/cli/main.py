"""The entry point: picks the command, prints errors a person can act on, and nothing else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from share_dist import errors
from share_dist.cli.commands import COMMANDS
from share_dist.cli.say import PlainFormatter, complain, say
from share_dist.recipes import RECIPES
from share_dist.storage import taken_over

EXIT_STATUSES = (
    "0 done, 1 doctor, lint, verify or chaos found fault, 2 see the message, 3 no round accepted, 4 workers lost, "
    "130 stopped"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line, print the error of a user's making, and return the exit status of `EXIT_STATUSES`."""
    words = list(sys.argv[1:] if argv is None else argv)
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("matplotlib", "numba", "OpenGL", "filelock", "urllib3", "boto3", "botocore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if not words or words[0] in ("-h", "--help"):
        say(usage())
        return 0 if words else errors.ShareDistError.exit_status
    try:
        return run_command(words[0], words[1:])
    except errors.ShareDistError as error:
        complain(f"\n{type(error).__name__}: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        lost = taken_over()
        if lost:
            complain(f"\n{type(lost).__name__}: {lost}")
            return lost.exit_status
        complain("\nStopped. Run the same command again to go on from here.")
        return 130


def run_command(name: str, words: list[str]) -> int:
    """Run the named command on the rest of the line."""
    if name not in COMMANDS:
        hint = errors.nearest_name(name, COMMANDS)
        raise errors.BadSetting(f"there is no command '{name}'{hint}\n  See share-dist --help.")
    return COMMANDS[name](words)


def usage() -> str:
    """What `share-dist --help` prints: the commands and the recipes, a line each."""
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
