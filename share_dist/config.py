"""One run's settings, made of every room's own.

A `RunConfig` is complete: nothing else decides what a run computes. Its JSON is written into the run's folder before
any work, and a folder that holds other settings is refused. What does the work (`fleet`, `training`) is left out of
that comparison: results do not depend on it but for rounding, and a run that lost its workers may go on with fewer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from share_dist.body import BodyConfig
from share_dist.camera import CameraConfig
from share_dist.errors import (
    BadSetting,
    nearest_name,
    require_numbers,
    require_positive,
    require_ranges,
    require_share,
)
from share_dist.fleet import FleetConfig
from share_dist.landscape import LandscapeConfig
from share_dist.learning import LearningConfig
from share_dist.losses import LossConfig
from share_dist.models import ModelConfig
from share_dist.render import RenderConfig
from share_dist.rome import RomeConfig
from share_dist.scene import SceneConfig
from share_dist.survey import SurveyConfig
from share_dist.training import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelChoice:
    """Which network a run starts from."""

    checkpoint: str | None = None
    """A safetensors checkpoint, a file's path or an s3:// address. None means the built-in base model for `share` and
    `survey`, and untrained weights for `train`."""

    architecture: ModelConfig = field(default_factory=ModelConfig)
    """Layers of an untrained network; a checkpoint brings its own."""

    def __post_init__(self) -> None:
        if self.checkpoint is not None and "://" not in str(self.checkpoint):
            # One file, one name: './model' and 'model', also as a Path, are the same run's settings.
            object.__setattr__(self, "checkpoint", str(Path(self.checkpoint)))


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareConfig:
    """How rounds follow each other, and what a round may cost."""

    rounds: int = 3
    """Rounds of survey, landscape, cameras and fine-tuning. The first repairs most; after three the regions move
    little at the demo's size."""

    everyday_share: float = 0.9
    """Part of a round's views drawn from `everyday` cameras. On steer views half of them forgot three times as much as
    nine tenths did, and repaired no more: what is hard is learned from few views, what is known needs many."""

    everyday_tolerance: float = 0.01
    """A round is rejected when everyday MPJPE on steer views exceeds the base model's by more than this share. Steer
    people are of the kinds that were trained on and strangers lose more, so the default is a third of the loss that is
    promised at most (3 %)."""

    attempts: int = 5
    """Tries a round gets; each further one takes a gentler step towards the weights that the round trained."""

    gentler: float = 0.8
    """Factor on the step at each further try: how far to go from the base model's weights to the fine-tuned ones. On
    steer views four fifths of the way kept six sevenths of the repair and half of the forgetting (at an anchor of 1,
    results/forgetting.md), and it costs a survey instead of a training."""

    def __post_init__(self) -> None:
        require_numbers(self, "--share.")
        require_positive(self.rounds, "--share.rounds")
        require_share(self.everyday_share, "--share.everyday_share")
        require_share(self.everyday_tolerance, "--share.everyday_tolerance")
        require_positive(self.attempts, "--share.attempts")
        if not 0 < self.gentler < 1:
            raise BadSetting(f"--share.gentler is {self.gentler}, but each try must be gentler: give 0 < x < 1.")
        require_ranges(self, "--share.", rounds=(1, 1000), attempts=(1, 1000))


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """Everything that decides what a run computes."""

    seed: int = 0
    """Draws the people, views and sample order of the run; another seed is another experiment."""

    body: BodyConfig = field(default_factory=BodyConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    model: ModelChoice = field(default_factory=ModelChoice)
    losses: LossConfig = field(default_factory=LossConfig)
    survey: SurveyConfig = field(default_factory=SurveyConfig)
    landscape: LandscapeConfig = field(default_factory=LandscapeConfig)
    rome: RomeConfig = field(default_factory=RomeConfig)
    share: ShareConfig = field(default_factory=ShareConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    fleet: FleetConfig = field(default_factory=FleetConfig)

    def __post_init__(self) -> None:
        require_numbers(self, "--")
        if not 0 <= self.seed < 2**63:
            raise BadSetting(f"seed is {self.seed}, but it must be a whole number from 0 to 2**63 - 1.")


def setting_types() -> dict[str, Any]:
    """The type of every setting by its dotted name, such as ``rome.quantile``."""
    return dict(_types_below(RunConfig, ""))


def _types_below(config: type, prefix: str) -> list[tuple[str, Any]]:
    hints = get_type_hints(config)
    found: list[tuple[str, Any]] = []
    for entry in fields(config):
        kind, name = hints[entry.name], f"{prefix}{entry.name}"
        found += _types_below(kind, f"{name}.") if is_dataclass(kind) else [(name, kind)]  # type: ignore[arg-type]
    return found


def require_setting(name: str, value: Any) -> None:
    """Refuse a setting that is not there, or a value of a type that it does not take.

    Raises:
        errors.BadSetting: naming the nearest known setting, or the type that is wanted.
    """
    types = setting_types()
    if name not in types:
        raise BadSetting(f"there is no setting '{name}'{nearest_name(name, types)}")
    if not _fits(value, types[name]):
        raise BadSetting(f"{name} is {value!r}, but it takes {_type_in_words(types[name])}.")


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind) and type(value) in map(type, get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(kind))
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, get_origin(kind) or kind)


def _type_in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
    return words.get(kind, str(kind))


def setting_of(config: RunConfig, name: str) -> Any:
    """Return one setting's value by its dotted name."""
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


def with_settings(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """Return the settings with some of them changed, by dotted names.

    Raises:
        errors.BadSetting: there is no such setting, its type is another, or its room refuses the value.
    """
    for name, value in settings.items():
        require_setting(name, value)
        config = _replaced(config, name.split("."), value)
    return config


def _replaced(config: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    return replace(config, **{first: _replaced(getattr(config, first), rest, value) if rest else value})


def config_json(config: RunConfig, command: str) -> str:
    """Return the settings that identify a run as JSON, with the command they belong to.

    Left out is how much machinery does the work, which a continued run may change.
    """
    values = {"command": command, **plain(asdict(config))}
    for machinery in ("fleet", "training"):
        del values[machinery]
    return json.dumps(values, indent=1, sort_keys=True)


def finite(value: Any) -> Any:
    """Return a value with None for what is no finite number, at any depth: JSON that every reader takes has no NaN."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(value: Any) -> Any:
    """Turn paths and tuples into what JSON can hold, at any depth."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
