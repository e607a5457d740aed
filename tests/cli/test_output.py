"""What is printed survives any terminal: ASCII, Latin-1, names that are not text, and a reader that goes away."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from share_dist.cli import main

COMMAND = [sys.executable, "-m", "share_dist.cli"]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN_1 = {"PYTHONIOENCODING": "latin-1"}


@pytest.fixture
def terminal(monkeypatch):
    """Run a command whose output has an encoding; returns its exit status and the bytes that it printed."""

    def run(encoding: str, *words: str) -> tuple[int, str]:
        printed = io.BytesIO()
        stream = io.TextIOWrapper(printed, encoding=encoding, errors="strict", write_through=True)
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, stream)
        try:
            status = main(list(words))
        except SystemExit as stop:  # tyro's own way of refusing
            status = stop.code
        return status, printed.getvalue().decode(encoding)

    return run


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ("--help", 0, "exit status: 0 done"),
        ("lint --help", 0, "usage: share-dist lint"),
        ("share demo --help", 0, "explore-share"),
        ("bench gone…→é東", 2, "there is no bench"),
        ("share demo --ouut=→東", 2, "Unrecognized options"),
        ("ls /nowhere/東京", 0, "There is no run at or below /nowhere/"),
        ("verify /nowhere/caf\udce9", 2, "udce9"),
    ],
)
def test_no_sign_is_too_much_for_a_terminal(terminal, encoding, words, status, expected):
    found, said = terminal(encoding, *words.split())
    assert expected in said
    assert found == status


def test_signs_that_a_terminal_lacks_have_plain_ones_in_their_place(terminal):
    assert "usage: share-dist lint [FILE.]" in terminal("ascii", "lint", "--help")[1]
    assert r"no bench 'g\xe9-\u6771'" in terminal("ascii", "bench", "gé–東")[1]


@pytest.mark.slow
@pytest.mark.parametrize("environment", [ASCII, LATIN_1], ids=["ascii", "latin-1"])
def test_a_machine_without_a_unicode_locale_runs_every_command(environment):
    done = subprocess.run(
        [*COMMAND, "share", "demo", "--ouut=→"], capture_output=True, env={**os.environ, **environment}
    )
    assert done.returncode == 2
    assert b"Unrecognized options" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--help"], ["share", "demo", "--help"]], ids=["short", "long"])
def test_a_reader_that_goes_away_ends_a_command_quietly(words):
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert said == b""


@pytest.mark.slow
def test_a_full_disk_that_takes_the_output_is_named():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().startswith("StorageFull: the output could not be written: No space left on device.")


@pytest.mark.slow
def test_streams_that_were_closed_take_no_command_with_them():
    shell = ["sh", "-c", '"$@" <&- >&- 2>&-; echo $? >&2', "sh"]
    done = subprocess.run([*shell, *COMMAND, "bench", "--help"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "0\n")


def test_a_terminal_of_one_column_shows_a_help_that_ends(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1")
    assert terminal("utf-8", "doctor", "--help")[0] == 0
