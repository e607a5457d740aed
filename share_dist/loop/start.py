"""What can be known before a run starts is checked before a run starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from share_dist.body import load_body
from share_dist.camera import CameraConfig
from share_dist.config import RunConfig
from share_dist.errors import BadSetting, NetworkFailed
from share_dist.landscape.fit import DEFAULT_FACTORS, FEWEST_VIEWS
from share_dist.loop.plans import camera_pool
from share_dist.models import BASE_CHECKPOINT, ModelConfig, load_checkpoint, read_card, read_source, settled_precision
from share_dist.scene import SceneDistribution
from share_dist.storage import Store, once, read_sealed
from share_dist.survey import BLOCK
from share_dist.training import require_even_batches


def checked_model(config: RunConfig) -> bytes:
    """Return the checkpoint that is surveyed or repaired, having looked at everything the run will need.

    Raises:
        errors.BodyFilesMissing, errors.UnsafePickle: the body's files.
        errors.BadBackgrounds: the folder of background pictures.
        errors.WrongBody, errors.WrongArchitecture, errors.DamagedFile: the checkpoint.
        errors.BadSetting: too few steer views for a landscape, a batch that cannot be shared evenly, or a checkpoint
            that sees pictures of another size.
    """
    _require_landscape_views(config)
    _require_known_cameras(config.camera)
    _check_work(config)
    _require_room_for_cameras(config)
    return _checked_checkpoint(config, config.model.checkpoint or BASE_CHECKPOINT)


def checked_start(config: RunConfig) -> bytes | ModelConfig:
    """Return what a base training starts from, its checkpoint or untrained layers, having checked what it will need.

    Raises:
        errors.ShareDistError: as `checked_model`, but no landscape is fitted, so any number of steer views will do.
    """
    _check_work(config)
    source = config.model.checkpoint
    return _checked_checkpoint(config, source) if source else _checked_architecture(config)


def _checked_architecture(config: RunConfig) -> ModelConfig:
    architecture = config.model.architecture
    if architecture.input_px != config.render.size_px:
        raise BadSetting(
            f"--model.architecture.input-px is {architecture.input_px}, but --render.size-px is "
            f"{config.render.size_px}; the network sees what is rendered, so set both alike."
        )
    if config.learning.frozen_batch_norm:
        raise BadSetting(
            "learning.frozen-batch-norm keeps the statistics of a network that never saw a picture.\n"
            "  Train the recipe compact-hmr, set --learning.no-frozen-batch-norm, or start from a --model.checkpoint."
        )
    return architecture


@contextmanager
def naming(config: RunConfig, model: bytes) -> Iterator[None]:
    """Call the network that a run starts from by its file, where it is the one that fails.

    Raises:
        errors.NetworkFailed: whichever network failed.
    """
    try:
        yield
    except NetworkFailed as error:
        if error.weights != read_card(model)["model_hash"]:
            raise
        source = config.model.checkpoint
        name = f"checkpoint {source}" if source else "the built-in model"
        raise NetworkFailed(error.view, error.part, name, error.weights) from error


def settled(config: RunConfig, store: Store) -> RunConfig:
    """Replace the precision `auto` by what this machine has, once for all surveys and trainings of a run.

    The answer is kept with the run: gone on with on another machine, its figures before and after would else come from
    two arithmetics.
    """
    devices = {"survey": config.fleet.evaluator_gpus, "learning": config.training.use_gpu}

    def decide() -> dict[str, str]:
        return {
            room: settled_precision(getattr(config, room).precision, torch.device("cuda" if on_gpu else "cpu"))
            for room, on_gpu in devices.items()
        }

    chosen = once(
        store,
        "precision",
        decide,
        lambda made, stage: stage.write_once("precision.json", json.dumps(made).encode()),
        lambda stage: read_sealed(stage, "precision.json"),
    )
    rooms = {room: replace(getattr(config, room), precision=precision) for room, precision in chosen.items()}
    return replace(config, **rooms)


def _check_work(config: RunConfig) -> None:
    require_even_batches(config.learning, config.training)
    # Opens every background picture.
    SceneDistribution.from_config(config.scene)


def _checked_checkpoint(config: RunConfig, source: str | Path) -> bytes:
    body, content = load_body(config.body), read_source(source)
    model, _ = load_checkpoint(content, body.hash, f"checkpoint {source}")
    if model.config.input_px != config.render.size_px:
        raise BadSetting(
            f"the model in {source} sees pictures of {model.config.input_px} px, but --render.size-px is "
            f"{config.render.size_px}.\n  Set --render.size-px {model.config.input_px}."
        )
    return content


def _require_landscape_views(config: RunConfig) -> None:
    if config.survey.steer_views < FEWEST_VIEWS:
        raise BadSetting(
            f"--survey.steer-views is {config.survey.steer_views}, but a landscape needs at least {FEWEST_VIEWS} views."
            "\n  Set --survey.steer-views 1500 for one that says something, or leave it out."
        )


def _require_known_cameras(camera: CameraConfig) -> None:
    distance = next(factor for factor in DEFAULT_FACTORS if factor.name == "distance")
    asked = camera.distance_low_m, camera.distance_high_m
    for end, metres in zip(("low", "high"), asked, strict=True):
        if not distance.low <= metres <= distance.high:
            raise BadSetting(
                f"--camera.distance-{end}-m is {metres:g}, but steer views are seen from {distance.low:g} to "
                f"{distance.high:g} m, and a landscape fitted to them says nothing beyond.\n"
                f"  Set --camera.distance-{end}-m within, or leave it out."
            )


def _require_room_for_cameras(config: RunConfig) -> None:
    """Try elevations that somebody chose: below the floor no camera stands, which else the first round would find."""
    chosen, usual = config.camera, CameraConfig()
    limits = "elevation_low_deg", "elevation_high_deg"
    if all(getattr(chosen, name) == getattr(usual, name) for name in limits):
        return
    try:
        camera_pool(config, load_body(config.body), 256)
    except BadSetting as error:
        raise BadSetting(
            f"--camera.elevation-low-deg is {chosen.elevation_low_deg:g} and --camera.elevation-high-deg is "
            f"{chosen.elevation_high_deg:g}, but between them {chosen.target} has no room for a camera around some "
            "people, whose floor is in the way.\n  Widen the two, or leave them out."
        ) from error


def require_two_blocks(views: int, setting: str) -> None:
    """Refuse too few views: a model's own worst tenth is ranked on even blocks and averaged on odd ones.

    Args:
        views: how many there are.
        setting: what says so, as an option.

    Raises:
        errors.BadSetting: fewer than two whole blocks.
    """
    if views < 2 * BLOCK:
        raise BadSetting(
            f"{setting} is {views}, but a model's own worst tenth needs two blocks of {BLOCK} views.\n"
            f"  Set --{setting} {2 * BLOCK} or more."
        )
