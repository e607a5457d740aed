"""The network under test: a backbone, a head, and what goes in and comes out."""

from __future__ import annotations

import contextlib
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from share_dist.models.config import ModelConfig
from share_dist.models.heads import AxisAngleHead, IterativeHead, SixdHead
from share_dist.models.resnet import make_backbone

_IMAGE_MEAN = (0.485, 0.456, 0.406)
_IMAGE_DEVIATION = (0.229, 0.224, 0.225)

_HEADS: dict[str, type[SixdHead | AxisAngleHead]] = {"hmr-6d": SixdHead, "hmr-axis-angle": AxisAngleHead}

Precision = Literal["auto", "bf16", "fp32"]


class Estimate(NamedTuple):
    """What a network says about each picture of a batch.

    Attributes:
        pose: rotation matrices [B, 24, 3, 3]; the root's is in the camera frame.
        betas: shape coefficients [B, 10].
        camera: weak-perspective camera of the crop, (s, tx, ty) [B, 3]: x_crop = s (X + t), the crop spanning −1…1.
    """

    pose: Tensor
    betas: Tensor
    camera: Tensor


class Regressor(nn.Module):
    """From a normalised square picture to pose, shape and camera."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = make_backbone(config.backbone, config.width, config.input_px)
        self.head: IterativeHead = _HEADS[config.head](self.backbone.features, config)

    def forward(
        self, image: Float[Tensor, "batch 3 side side"], keys: Int64[Tensor, " batch"] | None = None
    ) -> Estimate:
        """Estimate the person in each picture.

        Args:
            image: as `normalise_images` returns it.
            keys: one per picture (`sample_keys`), needed only while training with dropout.
        """
        return Estimate(*self.head(self.backbone(image), keys))


def make_model(config: ModelConfig | None = None, seed: int = 0) -> Regressor:
    """Return an untrained network that answers with the mean person; the same weights for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Regressor(config or ModelConfig())
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # its stubs lack the keyword


def freeze_batch_norm(model: nn.Module, frozen: bool = True) -> None:
    """Keep the batch norms' running statistics as they are through later training; their gains still learn.

    Fine-tuning mixes everyday with adversarial views: statistics that follow the mix forget the everyday ones. Any
    layer counts that keeps a running mean and variance, whoever wrote it, and whatever calls `train` later: it is told
    before each pass. A network without such layers has nothing to keep.
    """
    model.train(model.training)
    for module in model.modules():
        if {"running_mean", "running_var"} <= dict(module.named_buffers(recurse=False)).keys():
            if not hasattr(module, _FROZEN):
                module.register_forward_pre_hook(_stay_frozen)
            setattr(module, _FROZEN, frozen)
            _stay_frozen(module)


_FROZEN = "statistics_frozen"


def _stay_frozen(module: nn.Module, *_: object) -> None:
    if getattr(module, _FROZEN):
        module.training = False


def tensor_from_array(array: np.ndarray, device: torch.device | str | None = None) -> Tensor:
    """Return an array as a tensor, sharing memory where that is safe: arrays out of Ray's store are read-only."""
    return torch.from_numpy(array if array.flags.writeable else array.copy()).to(device)


def normalise_images(
    image: UInt8[Tensor, "batch side side 3"] | UInt8[np.ndarray, "batch side side 3"],
    device: torch.device | str | None = None,
) -> Float[Tensor, "batch 3 side side"]:
    """Turn RGB bytes into what every backbone here expects: ImageNet's mean and deviation, channels last in memory."""
    pixels = tensor_from_array(image, device) if isinstance(image, np.ndarray) else image.to(device)
    mean = torch.tensor(_IMAGE_MEAN, device=pixels.device) * 255
    gain = 1 / (torch.tensor(_IMAGE_DEVIATION, device=pixels.device) * 255)
    return ((pixels.float() - mean) * gain).permute(0, 3, 1, 2)


def autocast(device: torch.device, precision: Precision = "auto") -> contextlib.AbstractContextManager[object]:
    """Return the context in which a network runs on `device`: bfloat16 where the hardware multiplies it, else float32.

    On CPUs with AVX512-BF16 or AMX bfloat16 is several times faster; elsewhere it is emulated and slower.
    """
    wanted = settled_precision(precision, device) == "bf16"
    return torch.autocast(device.type, torch.bfloat16) if wanted else contextlib.nullcontext()


def settled_precision(precision: Precision, device: torch.device) -> Literal["bf16", "fp32"]:
    """Return the precision that is meant on `device`.

    Work that is shared among machines, or goes on another day, settles it once and keeps the answer: left to each
    process, `auto` would mix two arithmetics in one result.
    """
    if precision == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return precision


def has_bf16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in probes)


@torch.inference_mode()
def predict(model: nn.Module, image: UInt8[np.ndarray, "batch side side 3"], precision: Precision = "auto") -> Estimate:
    """Estimate a batch as the network is used after training: no dropout, running statistics, float32 out."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    with autocast(device, precision):
        estimate = model(normalise_images(image, device))
    model.train(was_training)
    return Estimate(*(part.float() for part in estimate))
