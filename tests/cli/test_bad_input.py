"""A wrong command line is answered before any work, with what was found, what was wanted, and what to do."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from share_dist.body import smpl_arrays
from share_dist.cli import main
from share_dist.models import ModelConfig, make_model, save_checkpoint


def answer(capsys, *words: str) -> str:
    """What the command prints when it refuses; it must refuse with exit status 2."""
    try:
        status = main(list(words))
    except SystemExit as stop:  # tyro's own way of refusing
        status = stop.code
    printed = capsys.readouterr()
    assert status == 2, printed
    return " ".join((printed.out + printed.err).replace("│", " ").split())


@pytest.fixture
def checkpoint(figure, tmp_path):
    """A small untrained checkpoint of the built-in body."""
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, make_model(ModelConfig(width=8, hidden=32)), {"body_hash": figure.hash})
    return path


def read_card(path):
    """The text beside a checkpoint's weights."""
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_an_unknown_command_names_the_nearest(capsys):
    assert "there is no command 'shar'; did you mean 'share'?" in answer(capsys, "shar", "demo")


def test_an_unknown_recipe_names_the_nearest(capsys):
    assert "there is no recipe 'dmeo'; did you mean 'demo'?" in answer(capsys, "share", "dmeo")


def test_a_missing_recipe_lists_the_recipes(capsys):
    assert "needs a recipe first: demo, full" in answer(capsys, "share")


def test_an_unknown_setting_names_the_nearest(capsys):
    said = answer(capsys, "share", "demo", "--rome.explor-share", "0.3")
    assert "--rome.explor-share" in said
    assert "Perhaps you meant: --rome.explore-share" in said


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--rome.explore-share", "20", "must lie in [0, 1]; for a fifth write 0.2, not 20"),
        ("--share.everyday-share", "-0.1", "must lie in [0, 1]"),
        ("--camera.elevation-high-deg", "95", "elevation"),
        ("--survey.steer-views", "0", "at least 1 view is needed"),
        ("--survey.judge-views", "-5", "at least 1 view is needed"),
        ("--share.rounds", "0", "must be greater than zero"),
        ("--learning.learning-rate", "0", "must be greater than zero"),
        ("--render.size-px", "3", "must lie in 16"),
        ("--training.zero-stage", "7", "zero-stage"),
        ("--rome.method", "best", "rome.method"),
        ("--seed", "-1", "whole number from 0"),
        ("--learning.batch-size", "many", "invalid literal for int"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_range(capsys, option, value, words):
    assert words in answer(capsys, "share", "demo", option, value)


def test_too_few_judge_views_are_refused_before_any_work(capsys, tmp_path):
    said = answer(capsys, "share", "smoke", "--survey.judge-views", "256", "--out", str(tmp_path / "run"))
    assert "needs two blocks of 256 views" in said
    assert not (tmp_path / "run").exists()


def test_zero_views_to_render_are_refused(capsys, tmp_path):
    assert "count is 0" in answer(capsys, "render", "smoke", "--count", "0", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_empty_body_folder_is_refused_and_nothing_is_written(capsys, tmp_path):
    (tmp_path / "smpl").mkdir()
    said = answer(capsys, "share", "demo", "--body.folder", str(tmp_path / "smpl"), "--out", str(tmp_path / "run"))
    assert "BodyFilesMissing" in said
    assert "SMPL_NEUTRAL" in said
    assert not (tmp_path / "run").exists()


class Intruder:
    """What a hostile file would run when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("intruded",)


def test_a_pickle_that_names_a_class_is_refused_and_not_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smpl").mkdir()
    (tmp_path / "smpl/SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps({"v_template": Intruder()}))
    said = answer(capsys, "share", "demo", "--body.folder", "smpl", "--out", "run")
    assert "UnsafePickle" in said
    assert "mkdir" in said
    assert [path.name for path in tmp_path.iterdir()] == ["smpl"]


@pytest.mark.parametrize(
    ("change", "found"),
    [(lambda array: array[:10], "(10, 3)"), (lambda array: array * np.float32(np.nan), "NaN")],
)
def test_an_npz_with_wrong_shapes_or_nan_is_refused(capsys, tmp_path, figure, change, found):
    arrays = smpl_arrays(figure)
    (tmp_path / "smpl").mkdir()
    np.savez(tmp_path / "smpl/SMPL_NEUTRAL.npz", **(arrays | {"v_template": change(arrays["v_template"])}))
    said = answer(capsys, "share", "demo", "--body.folder", str(tmp_path / "smpl"), "--out", str(tmp_path / "run"))
    assert "v_template" in said
    assert found in said
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_architecture_is_refused_with_the_names_that_differ(capsys, tmp_path, checkpoint):
    weights, card = load_file(checkpoint), read_card(checkpoint)
    weights["head.fc9.weight"] = weights.pop("head.fc1.weight")
    save_file(weights, checkpoint, card)
    said = answer(capsys, "survey", "demo", "--model.checkpoint", str(checkpoint), "--out", str(tmp_path / "run"))
    assert "WrongArchitecture" in said
    assert "head.fc9.weight" in said
    assert "head.fc1.weight" in said
    assert not (tmp_path / "run").exists()


def test_pictures_of_another_size_than_the_model_sees_are_refused(capsys, tmp_path):
    said = answer(capsys, "share", "demo", "--render.size-px", "224", "--out", str(tmp_path / "run"))
    assert "sees pictures of 96 px, but --render.size-px is 224. Set --render.size-px 96" in said
    assert not (tmp_path / "run").exists()


def test_training_from_nothing_with_frozen_statistics_is_refused(capsys, tmp_path):
    said = answer(capsys, "train", "demo", "--out", str(tmp_path / "run"))
    assert "statistics of a network that never saw a picture" in said
    assert "compact-hmr" in said
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_body_is_refused(capsys, tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_checkpoint(path, make_model(ModelConfig(width=8, hidden=32)), {"body_hash": "0" * 64})
    said = answer(capsys, "survey", "demo", "--model.checkpoint", str(path), "--out", str(tmp_path / "run"))
    assert "WrongBody" in said
    assert not (tmp_path / "run").exists()


def test_a_truncated_checkpoint_is_refused(capsys, tmp_path, checkpoint):
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    said = answer(capsys, "share", "demo", "--model.checkpoint", str(checkpoint), "--out", str(tmp_path / "run"))
    assert "DamagedFile" in said
    assert str(checkpoint) in said


@pytest.mark.parametrize("command", ["share", "survey", "train"])
def test_another_projects_checkpoint_is_called_what_it_is_before_any_work(capsys, tmp_path, command):
    torch.save({"state_dict": {}}, tmp_path / "hmr.safetensors")
    given = str(tmp_path / "hmr.safetensors")
    said = answer(capsys, command, "smoke", "--model.checkpoint", given, "--out", str(tmp_path / "run"))
    assert f"checkpoint {given} cannot be read: it is a PyTorch checkpoint" in said
    assert "leave --model.checkpoint out for the built-in model" in said
    assert not (tmp_path / "run").exists()


def test_a_missing_checkpoint_is_refused(capsys, tmp_path):
    said = answer(capsys, "survey", "demo", "--model.checkpoint", str(tmp_path / "none.safetensors"))
    assert "none.safetensors" in said


def test_a_folder_with_another_run_is_refused_and_left_alone(capsys, tmp_path, checkpoint):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"command": "share", "seed": 99}))
    said = answer(capsys, "share", "smoke", "--model.checkpoint", str(checkpoint), "--out", str(run))
    assert "OtherRun" in said
    assert "seed: 99 -> 0" in said
    assert [path.name for path in run.iterdir() if not path.name.startswith(".")] == ["config.json"]


def test_a_folder_with_something_else_is_refused(capsys, tmp_path, checkpoint):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("…")
    out = str(tmp_path / "thesis")
    assert "is no run" in answer(capsys, "share", "smoke", "--model.checkpoint", str(checkpoint), "--out", out)


def test_an_output_that_cannot_be_written_is_refused(capsys, tmp_path, checkpoint):
    (tmp_path / "file").write_text("in the way")
    out = str(tmp_path / "file" / "run")
    assert "NotWritable" in answer(capsys, "share", "smoke", "--model.checkpoint", str(checkpoint), "--out", out)


def test_a_background_folder_without_pictures_is_refused(capsys, tmp_path, checkpoint):
    (tmp_path / "photos").mkdir()
    words = ["--model.checkpoint", str(checkpoint), "--scene.background-folder", str(tmp_path / "photos")]
    assert "BadBackgrounds" in answer(capsys, "share", "smoke", *words, "--out", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_broken_background_picture_is_named(capsys, tmp_path, checkpoint):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "good.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    words = ["--model.checkpoint", str(checkpoint), "--scene.background-folder", str(folder)]
    said = answer(capsys, "share", "smoke", *words, "--out", str(tmp_path / "run"))
    assert "broken.jpg" in said
    assert not (tmp_path / "run").exists()


def test_a_report_of_no_run_is_refused(capsys, tmp_path):
    assert "holds no finished run" in answer(capsys, "report", str(tmp_path))


def test_a_report_of_a_survey_is_refused_by_what_the_folder_holds(capsys, tmp_path):
    """A survey's folder has a summary.json too."""
    (tmp_path / "config.json").write_text(json.dumps({"command": "survey", "seed": 0}))
    (tmp_path / "summary.json").write_text(json.dumps({"all_cameras": {"mpjpe_mm": 200.0}, "variance_shares": {}}))
    said = answer(capsys, "report", str(tmp_path))
    assert "BadSetting" in said
    assert "it is a run of `share-dist survey`" in said
    assert "Give the --out of a `share` run" in said


def test_a_report_of_a_stopped_run_says_how_to_finish_it(capsys, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"command": "share", "seed": 0}))
    said = answer(capsys, "report", str(tmp_path))
    assert "it is one that was stopped" in said
    assert "finished by running its command again" in said


def test_a_report_of_a_folder_that_is_no_run_is_refused(capsys, tmp_path):
    (tmp_path / "config.json").write_text("[]")
    assert "does not name a command" in answer(capsys, "report", str(tmp_path))


def test_an_unknown_bench_names_the_nearest(capsys):
    assert "did you mean 'render'?" in answer(capsys, "bench", "rendr")


@pytest.mark.parametrize("command", ["share", "survey", "train", "render", "report", "bench", "doctor"])
def test_help_answers_for_every_command(capsys, command):
    try:
        status = main([command, "--help"])
    except SystemExit as stop:
        status = stop.code
    assert status == 0
    assert command in capsys.readouterr().out


def test_help_gives_the_reason_of_a_setting(capsys):
    with pytest.raises(SystemExit):
        main(["share", "demo", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--rome.explore-share" in said
    assert "--training.workers" in said
    assert "so that a region the landscape missed is still met" in " ".join(said.replace("│", " ").split())


@pytest.mark.slow
def test_a_submission_script_is_the_command(tmp_path):
    script = [sys.executable, "jobs/share.py", "dmeo"]
    ended = subprocess.run(script, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "did you mean 'demo'?" in ended.stderr
