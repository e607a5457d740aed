"""What a terminal would obey never reaches it, wherever the text came from."""

from __future__ import annotations

import ast
import io
import logging
from pathlib import Path

import pytest

from share_dist.cli import main
from share_dist.cli.commands import COMMANDS
from share_dist.cli.say import PlainFormatter, say
from share_dist.errors import BadSetting, Finding, printable, printable_lines
from share_dist.ops.doctor import doctor_table
from share_dist.ops.explain import explanation

PACKAGE = Path(__file__).resolve().parents[2] / "share_dist"
OBEYED = {
    "a title": "\x1b]0;owned\x07",
    "a cleared screen": "\x1b[2J\x1b[H",
    "an eight-bit control": "\x9b2J",
    "another direction": "\u202egnp.exe",
    "an isolate": "\u2067a\u2069",
    "a bell and a backspace": "\a\b",
    "a hidden mark": "\u200b\ufeff",
    "another line": "a\nok   all is well",
    "the line again": "a\rb",
    "a line of Unicode's": "a\u2028b\u2029c",
    "bytes that are no text": "caf\udce9",
}


@pytest.mark.parametrize("text", OBEYED.values(), ids=OBEYED.keys())
def test_a_name_becomes_one_line_that_can_only_be_read(text):
    shown = printable(f"before {text} after")
    assert shown.isprintable()
    assert shown.encode()
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("name", ["runs/demo 2", "köln_東京", "−31 %", "1\u202f000 mm", "🙂"])
def test_a_name_that_only_shows_itself_is_left_as_it_is(name):
    assert printable(name) == name


def test_lines_and_tabs_stay_colours_go_and_a_progress_bar_becomes_lines():
    log = "\x1b[36m(pid=7)\x1b[0m step\t1\r\nhalf\rwhole\n\x1b[8mhidden\x1b[0m \x1b[2J"
    assert printable_lines(log) == "(pid=7) step\t1\nhalf\nwhole\nhidden \\x1b[2J"


@pytest.mark.parametrize("text", OBEYED.values(), ids=OBEYED.keys())
def test_an_error_is_shown_and_not_obeyed(monkeypatch, capsys, text):
    def end(words):
        raise BadSetting(f"there is no {text}.\n  Give another.")

    monkeypatch.setitem(COMMANDS, "share", end)
    assert main(["share", "demo"]) == 2
    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))


def test_no_message_of_a_log_looks_like_the_beginning_of_another():
    stream, log = io.StringIO(), logging.Logger("share_dist")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    log.addHandler(handler)
    log.warning("trial %s failed", "\x1b[2Jx\n12:00:00 all is well")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("trial \\x1b[2Jx")
    assert second == "    12:00:00 all is well failed"


def test_what_machines_call_themselves_stays_in_its_line_of_the_doctor_and_of_explain():
    finding = Finding("node \x1b[2J\n", False, "it is\nBAD", "start \u202eit")
    for text in (doctor_table([finding]), explanation([finding])):
        assert all(line.isprintable() for line in text.split("\n"))
    assert len(doctor_table([finding]).splitlines()) == 2


def test_a_followed_job_prints_its_log_and_commands_nothing(capsys):
    say("step 1\tloss 0.4\n\x1b]0;owned\x07\x1b[31mred\x1b[0m")
    assert capsys.readouterr().out == "step 1\tloss 0.4\n\\x1b]0;owned\\x07red\n"


def test_nothing_but_say_prints():
    """A command that printed by itself would pass by what makes text safe; the studies print numbers of their own."""
    others = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "studies" and path.name != "say.py"]
    printing = [
        f"{path.name}:{node.lineno}"
        for path in others
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    ]
    assert printing == []
