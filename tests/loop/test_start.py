"""What cannot work is refused before anything is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from share_dist import errors
from share_dist.loop.base import run_base_training
from share_dist.loop.start import checked_model, checked_start, naming
from share_dist.models import ModelConfig, make_model, read_card, save_checkpoint
from share_dist.recipes import find_recipe
from share_dist.training import TrainingConfig

SMOKE = find_recipe("smoke")


@pytest.fixture
def checkpoint(figure, tmp_path):
    """A small untrained checkpoint of the built-in body."""
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, make_model(ModelConfig(width=8, hidden=32)), {"body_hash": figure.hash})
    return path


def begin_with(path, config=SMOKE):
    return replace(config, model=replace(config.model, checkpoint=path))


@pytest.mark.parametrize("check", [checked_model, checked_start])
def test_a_batch_that_the_workers_cannot_share_is_refused(check):
    with pytest.raises(errors.BadSetting, match="64, which 3 workers cannot share evenly"):
        check(replace(SMOKE, training=TrainingConfig(workers=3)))


def test_too_few_views_for_a_landscape_are_refused_only_where_one_is_fitted(checkpoint):
    few, enough = (replace(SMOKE, survey=replace(SMOKE.survey, steer_views=count)) for count in (31, 32))
    with pytest.raises(errors.BadSetting, match=r"steer-views is 31, but a landscape needs at least 32"):
        checked_model(few)
    assert checked_start(few) == SMOKE.model.architecture
    assert checked_model(begin_with(checkpoint, enough)) == checkpoint.read_bytes()


@pytest.mark.parametrize(("end", "metres"), [("low", 0.5), ("high", 20.0)])
def test_cameras_that_no_landscape_will_know_are_refused(checkpoint, end, metres):
    far = replace(SMOKE.camera, **{f"distance_{end}_m": metres})
    with pytest.raises(errors.BadSetting, match=rf"--camera.distance-{end}-m is {metres:g}, .* from 1.2 to 6 m"):
        checked_model(begin_with(checkpoint, replace(SMOKE, camera=far)))


def test_elevations_at_which_no_camera_can_stand_are_refused(checkpoint):
    below = replace(SMOKE.camera, elevation_high_deg=-60.0)
    with pytest.raises(errors.BadSetting, match=r"--camera.elevation-low-deg is -90 and --camera.elevation-high-deg"):
        checked_model(begin_with(checkpoint, replace(SMOKE, camera=below)))


def test_a_base_training_starts_from_the_given_checkpoint(checkpoint):
    assert checked_start(begin_with(checkpoint)) == checkpoint.read_bytes()


@pytest.mark.parametrize(
    ("input_px", "body_hash", "error"),
    [(64, None, errors.BadSetting), (96, "0" * 64, errors.WrongBody), (None, None, errors.DamagedFile)],
)
def test_a_base_training_refuses_a_checkpoint_that_does_not_fit(figure, tmp_path, input_px, body_hash, error):
    path = tmp_path / "model.safetensors"
    if input_px:
        network = make_model(ModelConfig(width=8, hidden=32, input_px=input_px))
        save_checkpoint(path, network, {"body_hash": body_hash or figure.hash})
    with pytest.raises(error):
        run_base_training(begin_with(path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_network_that_a_run_starts_from_is_called_by_its_file(checkpoint):
    content = checkpoint.read_bytes()
    failed = errors.NetworkFailed(300, "betas", weights=read_card(content)["model_hash"])
    words = rf"checkpoint {checkpoint} answers NaN or infinity for view 300"
    with pytest.raises(errors.NetworkFailed, match=words), naming(begin_with(checkpoint), content):
        raise failed
    with pytest.raises(errors.NetworkFailed, match="the network of 'x'"), naming(begin_with(checkpoint), content):
        raise errors.NetworkFailed(300, "betas", "the network of 'x'", "0" * 64)
    assert errors.NetworkFailed.exit_status == 2
