"""A journal with damaged lines: they are lost, and nothing else; the file as it was is kept."""

from __future__ import annotations

import json
import logging
import os

import optuna
import pytest
from optuna.distributions import FloatDistribution

from share_dist import errors
from share_dist.storage import FolderStore, inside, open_store
from share_dist.sweep.journal import JOURNAL, open_journal
from share_dist.sweep.study import begin_study, require_same_study

SPACE = {"rome.quantile": FloatDistribution(0.3, 0.9)}
IDENTITY = {"space": "small"}
CREATE_TRIAL, PARAM, STATE = 4, 5, 6


def open_again(folder):
    return open_journal(FolderStore(folder), "sweep", 1)


@pytest.fixture
def journal(tmp_path):
    """A study of six trials, each with its number as its value; its lines can be damaged."""
    storage = open_again(tmp_path)
    begin_study(storage, "sweep", IDENTITY, ["gain"])
    study = optuna.load_study(study_name="sweep", storage=storage)
    for _ in range(6):
        trial = study.ask(SPACE)
        trial.set_user_attr("own", trial.number)
        study.tell(trial, float(trial.number))
    return tmp_path / JOURNAL


def numbers(folder) -> dict[int, float | None]:
    """Each trial's value, after all that is said of it agrees with its number."""
    study = optuna.load_study(study_name="sweep", storage=open_again(folder))
    for trial in study.trials:
        assert trial.user_attrs.get("own", trial.number) == trial.number
    return {trial.number: trial.value for trial in study.trials}


def lines_of(path, kind: int) -> list[int]:
    return [at for at, line in enumerate(path.read_bytes().splitlines()) if json.loads(line)["op_code"] == kind]


def damage(path, at: int, garbage: bytes, instead: bool) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[at : at + instead] = [garbage + b"\n"]
    path.write_bytes(b"".join(lines))


GARBAGE = {
    "words": b"hello",
    "binary": b"\x80\xff\x00\xfe",
    "list": b"[]",
    "number": b"5",
    "null": b"null",
    "empty": b"",
    "other-shape": b'{"op_code":6,"worker_id":"x"}',
    "other-kind": b'{"op_code":99,"worker_id":"x"}',
    "other-type": b'{"op_code":5,"worker_id":"x","trial_id":[],"param_name":0}',
    "deep": b"[" * 100_000,
    "no-end": b'{"op_code":6,"worker_id":"x","trial_id":5,"state":1,"values":[1.0]}',
    "no-trial": b'{"op_code":6,"worker_id":"x","trial_id":1000000000000,"state":2,"values":null}',
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_line_of_garbage_costs_that_line_and_is_kept_aside(journal, garbage, where, caplog):
    whole = numbers(journal.parent)
    lines = len(journal.read_bytes().splitlines())
    at = {"first": 0, "middle": lines // 2, "last": lines}[where]
    damage(journal, at, GARBAGE[garbage], instead=False)
    spoilt = journal.read_bytes()
    with caplog.at_level(logging.WARNING, "share_dist"):
        assert numbers(journal.parent) == whole
    assert f"lines {at + 1} of it" in caplog.text
    (aside,) = journal.parent.glob(f"{JOURNAL}.damaged-*")
    assert aside.read_bytes() == spoilt
    # And it goes on: what is written now is found by the next, without another word.
    caplog.clear()
    study = optuna.load_study(study_name="sweep", storage=open_again(journal.parent))
    study.tell(study.ask(SPACE), 6.0)
    assert numbers(journal.parent) == {**whole, 6: 6.0}
    assert not caplog.text


@pytest.mark.parametrize("which", [0, 2, 5])
@pytest.mark.parametrize("how", ["damaged", "gone", "twice"])
def test_a_trial_whose_beginning_is_lost_or_there_twice_keeps_its_number_and_its_value(journal, which, how, caplog):
    at, lines = lines_of(journal, CREATE_TRIAL)[which], journal.read_bytes().splitlines(keepends=True)
    lines[at : at + 1] = {"damaged": [b"hello\n"], "gone": [], "twice": lines[at : at + 1] * 2}[how]
    journal.write_bytes(b"".join(lines))
    assert numbers(journal.parent) == {number: float(number) for number in range(6)}
    assert f"lines {at + 2 if how == 'twice' else at + 1}" in caplog.text


def test_a_trial_whose_end_is_lost_is_unfinished_and_no_other_is(journal):
    damage(journal, lines_of(journal, STATE)[3], b"hello", instead=True)
    assert numbers(journal.parent) == {0: 0.0, 1: 1.0, 2: 2.0, 3: None, 4: 4.0, 5: 5.0}


def test_several_lost_lines_cost_what_they_said(journal):
    begins = lines_of(journal, CREATE_TRIAL)
    for at in (begins[1], lines_of(journal, PARAM)[2], begins[4]):
        damage(journal, at, b"\0\0\0", instead=True)
    assert numbers(journal.parent) == {number: float(number) for number in range(6)}


def test_an_entry_behind_a_torn_one_or_behind_zeros_is_read(journal):
    whole, last = numbers(journal.parent), journal.read_bytes().splitlines()[-1]
    damage(journal, len(journal.read_bytes().splitlines()) - 1, b'{"op_code":6,"wor' + last, instead=True)
    assert numbers(journal.parent) == whole
    damage(journal, len(journal.read_bytes().splitlines()) - 1, b"\0" * 40 + last, instead=True)
    assert numbers(journal.parent) == whole


def test_a_lost_line_that_created_the_study_is_made_again_or_named(journal):
    damage(journal, 0, b"hello", instead=True)
    with pytest.raises(errors.DamagedFile, match=r"line 1, which creates the study, is damaged(.|\n)*Put a copy"):
        open_journal(FolderStore(journal.parent))
    assert numbers(journal.parent) == {number: float(number) for number in range(6)}


def test_a_lost_line_that_said_what_the_study_is_of_is_said_again(journal):
    (at,) = [at for at, line in enumerate(journal.read_bytes().splitlines()) if b'"small"' in line]
    damage(journal, at, b"hello", instead=True)
    storage = open_again(journal.parent)
    assert not require_same_study(storage, "sweep", IDENTITY)
    begin_study(storage, "sweep", IDENTITY, ["gain"])
    assert require_same_study(open_again(journal.parent), "sweep", IDENTITY)
    assert len(numbers(journal.parent)) == 6


def test_a_journal_of_which_nothing_can_be_read_is_refused_and_stays(tmp_path):
    (tmp_path / JOURNAL).write_bytes(os.urandom(64).replace(b"\n", b"") + b"\n")
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(errors.DamagedFile, match="creates the study"):
        open_again(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_a_pipe_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / JOURNAL)
    with pytest.raises(errors.NotWritable, match="no regular file"):
        open_again(tmp_path)


def test_a_damaged_line_in_a_bucket_costs_that_line_too(bucket):
    store = inside(open_store(bucket), "damaged")
    begin_study(open_journal(store), "sweep", IDENTITY, ["gain"])
    store.overwrite(JOURNAL, store.read(JOURNAL) + b"hello\n")
    study = optuna.load_study(study_name="sweep", storage=open_journal(store))
    study.tell(study.ask(SPACE), 1.0)
    assert optuna.load_study(study_name="sweep", storage=open_journal(store)).best_value == 1.0
    assert [key for key in store.list() if key.startswith(f"{JOURNAL}.damaged-")]
