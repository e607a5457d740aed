"""What can be known before a run starts is checked before a run starts."""

from __future__ import annotations

from share_dist.body import load_body
from share_dist.config import RunConfig
from share_dist.errors import BadSetting
from share_dist.models import BASE_CHECKPOINT, load_checkpoint
from share_dist.scene import SceneDistribution
from share_dist.survey import BLOCK


def checked_model(config: RunConfig) -> bytes:
    """Return the checkpoint a run starts from, having looked at everything the run will need.

    Raises:
        errors.BodyFilesMissing, errors.UnsafePickle: the body's files.
        errors.BadBackgrounds: the folder of background pictures.
        errors.WrongBody, errors.WrongArchitecture, errors.DamagedFile: the checkpoint.
        errors.BadSetting: the checkpoint does not exist or sees pictures of another size.
    """
    check_scene(config)
    body = load_body(config.body)
    path = config.model.checkpoint or BASE_CHECKPOINT
    model, _ = load_checkpoint(path, body.hash)
    if model.config.input_px != config.render.size_px:
        raise BadSetting(
            f"the model in {path} sees pictures of {model.config.input_px} px, but render.size-px is "
            f"{config.render.size_px}.\n  Set --render.size-px {model.config.input_px}."
        )
    return path.read_bytes()


def check_scene(config: RunConfig) -> None:
    """Look at the background pictures, all of them, before anything is rendered."""
    SceneDistribution.from_config(config.scene)


def require_two_blocks(config: RunConfig) -> None:
    """Refuse too few judge views: a model's own worst tenth is ranked on even blocks and averaged on odd ones.

    Raises:
        errors.BadSetting: fewer than two whole blocks.
    """
    if config.survey.judge_views < 2 * BLOCK:
        raise BadSetting(
            f"survey.judge-views is {config.survey.judge_views}, but a model's own worst tenth needs two blocks of "
            f"{BLOCK} views.\n  Set --survey.judge-views {2 * BLOCK} or more."
        )
