"""Settings of a network: which backbone, which head, how wide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from share_dist.errors import (
    BadSetting,
    require_numbers,
    require_one_of,
    require_positive,
    require_ranges,
    require_share,
)

Backbone = Literal["compact", "resnet18", "resnet50"]
Head = Literal["hmr-6d", "hmr-axis-angle"]
Activation = Literal["relu", "none"]

MOST_WEIGHTS = 1 << 28
"""Of the head's first layer: a gigabyte. The largest published head has 4 million."""

_OPTION = "--model.architecture."


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The network under test. Everything here is written into a checkpoint and must match when it is read back."""

    backbone: Backbone = "compact"
    """`compact` is a ResNet-18 of width 32 for small pictures, made for two CPU cores, whose last cells go to the head
    side by side instead of as their mean; the other two have torchvision's layers and key names, so ImageNet weights
    fit them."""

    head: Head = "hmr-6d"
    """`hmr-6d` predicts 6-D rotations (SPIN's layout: row pairs), which train more smoothly; `hmr-axis-angle` is the
    regressor of the HMR paper, 85 numbers with rotation vectors."""

    width: int = 32
    """Channels of the first stage of `compact`; 32 keeps its checkpoint under 12 MB. The ResNets are 64 by name."""

    input_px: int = 96
    """Side of the square picture. 96 is the smallest at which hands and feet still span a few pixels; published
    checkpoints want 224."""

    hidden: int = 512
    """Units of the two hidden layers of the head; published heads have 1024, which alone would fill 9 MB."""

    hidden_activation: Activation = "relu"
    """Between the hidden layers. SPIN's published head has `none`; a narrow head needs the non-linearity."""

    iterations: int = 3
    """Steps of iterative error feedback; three in HMR and SPIN, more brought them nothing."""

    dropout: float = 0.0
    """Share of hidden units dropped while training. HMR and SPIN use 0.5 on real pictures; synthetic views are
    fresh almost every time, so there is little to overfit."""

    def __post_init__(self) -> None:
        _require_kinds(self.to_json())
        for name in ("width", "input_px", "hidden", "iterations"):
            require_positive(getattr(self, name), f"{_OPTION}{name.replace('_', '-')}")
        require_share(self.dropout, f"{_OPTION}dropout")
        if self.dropout == 1.0:
            raise BadSetting(f"{_OPTION}dropout is 1, which drops every unit; use 0.5 for HMR's own value, or 0.")
        if self.input_px < 32:
            raise BadSetting(f"{_OPTION}input-px is {self.input_px}, but it is halved five times; use 32 or more.")
        # What one builds is allocated at once, also for a checkpoint's card that asks for it.
        require_ranges(self, _OPTION, width=(1, 256), input_px=(32, 2048), hidden=(1, 8192), iterations=(1, 100))
        if self.features * self.hidden > MOST_WEIGHTS:
            raise BadSetting(
                f"{_OPTION}hidden is {self.hidden}, but over the {self.features:,} features of {self.backbone} at "
                f"{self.input_px} px a layer would have {self.features * self.hidden:,} weights, and {MOST_WEIGHTS:,} "
                f"are the most.\n  Set {_OPTION}hidden or {_OPTION}width lower."
            )

    @property
    def features(self) -> int:
        """Numbers that the backbone says of a picture."""
        if self.backbone == "compact":
            return 2 * self.width * math.ceil(self.input_px / 32) ** 2
        return 512 if self.backbone == "resnet18" else 2048

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a checkpoint's card."""
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> ModelConfig:
        """Return what `to_json` gave.

        Raises:
            BadSetting: a value of another kind, or one of which no network can be built.
        """
        _require_kinds(values)
        return ModelConfig(**values)


def _require_kinds(values: Mapping[str, Any]) -> None:
    for name, kind in (("backbone", Backbone), ("head", Head), ("hidden_activation", Activation)):
        if name in values:
            require_one_of(values[name], f"{_OPTION}{name.replace('_', '-')}", get_args(kind))
    require_numbers(ModelConfig, _OPTION, values=values)


PUBLISHED_SPIN = ModelConfig(
    backbone="resnet50", input_px=224, hidden=1024, hidden_activation="none", dropout=0.5, width=64
)
"""The layers of SPIN's released checkpoint. Source: nkolot/SPIN, models/hmr.py."""

PAPER_HMR = ModelConfig(backbone="resnet50", head="hmr-axis-angle", input_px=224, hidden=1024, dropout=0.5, width=64)
"""The regressor of the HMR paper (CVPR 2018). Source: akanazawa/hmr, src/models.py."""
