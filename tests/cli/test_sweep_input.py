"""A sweep that cannot be made is answered before any trial starts, with what was found, what was wanted, what to do."""

from __future__ import annotations

import json

import pytest
from test_bad_input import answer

from share_dist.cli import main


def sweep(capsys, tmp_path, *words):
    """What a sweep answers that is refused; it must have made nothing."""
    said = answer(capsys, "sweep", *words, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    return said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trials", "3"), "needs a search space first"),
        (("roem",), "there is no search space 'roem'; did you mean 'rome'?"),
        (("rome", "dmeo"), "there is no recipe 'dmeo'; did you mean 'demo'?"),
        (("mine.json",), "there is no file mine.json"),
        (("rome", "--trials", "0"), "trials is 0, but it must be greater than zero"),
        (("rome", "--length", "2"), "length is 2.0"),
        (("rome", "--objectives", "wurst-tenth"), "worst-tenth"),
        (("rome", "--survey.steer-views", "300"), "survey.steer-views is 300"),
        (("rome", "--rome.quantile", "0.95"), "the recipe's own rome.quantile is 0.95, which lies outside 0.3…0.9"),
        (("rome", "--warm-start", "nowhere"), "runs/nowhere holds no sweep that found anything"),
        (("losses", "--learning.fresh-views", "512", "--length", "0.05"), "pictures"),
        (("rome", "--storage", "mysql://me:secret@host/x"), "must be postgresql://user@host/database"),
    ],
)
def test_what_cannot_be_swept_is_refused_by_name(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    answered = sweep(capsys, tmp_path, *words)
    assert said in answered
    assert "secret" not in answered


def test_a_sweep_without_a_space_lists_the_spaces(capsys):
    assert "needs a search space first: rome, losses, all, or a .json file" in answer(capsys, "sweep")


@pytest.mark.slow
def test_trials_that_find_no_room_are_refused_with_the_arithmetic(capsys, tmp_path):
    words = ["rome", "--fleet.cpus", "2", "--training.workers", "2", "--out", str(tmp_path / "out")]
    # Not 4: this machine never has more cores, so that nobody should try the same command again.
    assert main(["sweep", *words]) == 2
    assert "a trial needs 2 times 2 cores, as each worker computes with so many; " in capsys.readouterr().err


def test_a_space_with_an_unknown_setting_names_the_nearest(capsys, tmp_path):
    space = tmp_path / "mine.json"
    space.write_text(json.dumps({"rome.quantle": {"low": 0.3, "high": 0.9}}))
    assert "did you mean 'rome.quantile'?" in sweep(capsys, tmp_path, str(space))


def test_best_settings_of_nothing_are_refused_by_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "runs/nowhere holds no sweep: config.json is missing" in answer(capsys, "share", "--from-sweep", "nowhere")
    assert "expected one argument" in answer(capsys, "share", "demo", "--from-sweep")


def test_a_password_is_not_sent_with_a_job(capsys):
    words = ("submit", "sweep", "rome", "--out", "s3://bucket/x", "--storage", "postgresql://me:secret@host/x")
    said = answer(capsys, *words)
    assert "--storage holds a password" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sweep", "rome", "--warm-start", "runs/other"), "--warm-start is runs/other, but runs of this machine"),
        (("sweep", "/elsewhere/mine.json"), "there is no file /elsewhere/mine.json"),
        (("share", "--from-sweep", "sweep-rome"), "holds no sweep"),
    ],
)
def test_what_the_cluster_would_not_find_is_not_sent(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in answer(capsys, "submit", *words, "--out", "s3://bucket/x")


def test_a_space_that_would_not_travel_with_its_job_is_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("jobs", "runs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "jobs/sweep.py").write_text("")
    (tmp_path / "runs/mine.json").write_text(json.dumps({"rome.quantile": {"low": 0.3, "high": 0.9}}))
    words = ("submit", "sweep", "runs/mine.json", "--out", "s3://bucket/x")
    assert "runs/mine.json is not sent with" in answer(capsys, *words)


def test_help_explains_a_sweep_and_where_share_takes_its_best_settings(capsys):
    for words, wanted in ((["sweep", "--help"], "--warm-start"), (["share", "--help"], "--from-sweep")):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0
        assert wanted in capsys.readouterr().out
