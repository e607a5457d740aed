"""A password on a command line or in an error is printed nowhere, neither whole nor in part."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from share_dist import errors
from share_dist.cli import main
from share_dist.cli.commands import COMMANDS
from share_dist.masking import masked_words, without_password

HIDDEN = [
    "postgresql://me:hunter2@host/db",
    "postgresql://me:hun@ter2@host/db",
    "postgresql://me:hun/ter2@host:5432/db?sslmode=require",
    "postgresql://me:hun:ter#2?x@host/db",
    "postgresql://me:hun ter2@host/db",
    "postgresql://me:hun@ te@r2@host/db",
    "postgresql://me:hun%40ter2@host/db",
    "postgresql://me:12345hunter2@host/db",
    "postgresql://me:12345/hunter2@host/db",
    "postgresql://me@server:hunter2@host/db",
    "postgresql+psycopg://:hunter2@host",
    "postgresql://host/db?user=me&password=hunter2",
    "postgresql://host/db?sslpassword=hun&ter2",
    "host=h password=hunter2 user=me",
    "host=h password = 'hun ter2' user=me",
    r"host=h password='hun\' ter2' user=me",
    "{'user': 'me', 'password': 'hun ter2'}",
    "PGPASSWORD=hunter2",
    "http://me:hunter2@proxy:3128",
    "http://key:hunter2@127.0.0.1:9000/bucket",
    "https://hunter2@github.com/me/x",
    "aws_secret_access_key=hunter2",
    "postgresql:/me:hun@ter2@host/db",
    "https:/hunter2@github.com/me/x",
]
PARTS = ("hun", "ter2", "te@r2", "12345")
KEPT = [
    "postgresql://me@host:5432/db",
    "s3://bucket/runs/demo",
    "http://127.0.0.1:9000/bucket cannot be reached, ask me@example.org",
    "password authentication failed for user me",
    "fe_sendauth: no password supplied",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_no_part_of_a_password_is_left_in_a_message(text):
    for message in (text, f"cannot connect to '{text}'", f"--storag={text}: no such option"):
        assert not [part for part in PARTS if part in without_password(message)]


@pytest.mark.parametrize("text", KEPT)
def test_what_holds_no_password_is_printed_as_it_is(text):
    assert without_password(text) == text
    assert masked_words(text.split()) == text.split()


@pytest.mark.parametrize("address", HIDDEN[1:6])
@pytest.mark.parametrize("form", ["--storag={}", "--storage {} --learning.batch-siz 1", "--learning.batch-size {}"])
def test_a_wrong_line_is_answered_without_its_password(capsys, form, address):
    words = [word.format(address) for word in form.split()]
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "rome", *words])
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert "--storag" in said.err or "--learning.batch-siz" in said.err
    assert not [part for part in PARTS if part in said.out + said.err]


@pytest.mark.parametrize(
    "words",
    [
        ["postgresql:/me:hun@ter2@host/db"],
        ["me:hun@ter2@host/db"],
        ["--postgresql//me:hun@ter2@host/db"],
        ["--storag=me:hun@ter2@host"],
        ["postgresql://me:12 hun@ter2@host"],
        ["--db-password", "hunter2"],
        ["--db_password=hunter2"],
    ],
)
def test_a_misspelt_address_or_an_invented_option_hides_its_password_too(words):
    assert not [part for part in PARTS if part in " ".join(masked_words(words))]


def test_a_password_that_is_right_arrives_unchanged(monkeypatch):
    arrived = []

    def stop(storage):
        arrived.append(storage)
        raise errors.BadSetting("enough")

    monkeypatch.setattr("share_dist.sweep.run_sweep", lambda plan, out: stop(plan.sweep.storage))
    assert main(["sweep", "rome", "--storage", "postgresql://me:hun@ter2@host/db"]) == 2
    assert arrived == ["postgresql://me:hun@ter2@host/db"]


@pytest.mark.parametrize("words", [["u:hun@ter2@h"], ["share", "u:hun@ter2@h"], ["sweep", "u:hun@ter2@h"]])
def test_an_error_of_ours_repeats_a_word_of_the_line_without_its_password(capsys, words):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "u:***@h" in said
    assert "ter2" not in said


def test_an_error_that_nobody_foresaw_is_printed_without_passwords():
    """Such as one of a library, with its traceback."""
    script = (
        "from share_dist.cli import output; output.prepare_output(); import logging\n"
        "logging.info('proxy http://me:hunter2@proxy:3128')\n"
        "raise RuntimeError('cannot connect to postgresql://me:hun@ter2@host/db')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert "RuntimeError: cannot connect to postgresql://me:***@host/db" in done.stderr
    assert "proxy http://me:***@proxy:3128" in done.stderr
    # The line of the script itself is shown by Python only when it lies in a file.
    assert "ter2" not in done.stderr


def test_an_error_of_ours_keeps_its_class_and_status(monkeypatch, capsys):
    def refuse(words):
        raise errors.BucketRefused("http://key:hunter2@127.0.0.1:9000 refuses")

    monkeypatch.setitem(COMMANDS, "ls", refuse)
    assert main(["ls"]) == 2
    assert "BucketRefused: http://key:***@127.0.0.1:9000 refuses" in capsys.readouterr().err
