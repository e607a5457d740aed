"""Residual backbones with torchvision's layers and key names, and the compact one.

A state dict of torchvision's resnet18 or resnet50 fits without its `fc` layer. The classes are written here because
torchvision is no dependency: it would bring another build of the image codecs and nothing else we use.
Source: He et al., CVPR 2016; torchvision/models/resnet.py (stride in the 3×3 convolution of a bottleneck).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from share_dist.errors import require_one_of
from share_dist.models.config import Backbone


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Return the 1×1 convolution that fits the identity to the block's output, or None where it fits already."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _shortcut(inputs, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(shortcut(x) + residual(x))."""
        residual = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(residual + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1×1 down, 3×3, 1×1 up by four, and a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv3x3(planes, planes, stride)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(shortcut(x) + residual(x))."""
        residual = torch.relu(self.bn1(self.conv1(x)))
        residual = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(residual)))))
        return torch.relu(residual + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Stem, four stages, one feature vector a picture: [B, 3, S, S] to [B, features].

    The vector is the mean over the picture, or, when `squeezed` is given, what every cell of the last stage says.

    Args:
        block: BasicBlock or Bottleneck.
        depths: blocks in each of the four stages.
        planes: channels of each stage before the block's expansion.
        stem_px: side of the first convolution's kernel; 7 in torchvision, 5 for pictures of 96 px.
        squeezed: channels to which each cell of the last stage is reduced before all cells are laid side by side; 0
            takes the mean over the cells, as torchvision does.
        input_px: side of the pictures, which only decides how many cells there are.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        planes: Sequence[int] = (64, 128, 256, 512),
        stem_px: int = 7,
        squeezed: int = 0,
        input_px: int = 224,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, planes[0], stem_px, 2, stem_px // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = planes[0]
        for stage, (depth, channels) in enumerate(zip(depths, planes, strict=True), start=1):
            blocks: list[nn.Module] = []
            for index in range(depth):
                stride = 2 if stage > 1 and index == 0 else 1
                blocks.append(block(inputs, channels, stride))
                inputs = channels * block.expansion
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.features = inputs
        self.squeeze: nn.Sequential | None = None
        if squeezed:
            self.squeeze = nn.Sequential(nn.Conv2d(inputs, squeezed, 1, bias=False), nn.BatchNorm2d(squeezed))
            self.features = squeezed * math.ceil(input_px / 32) ** 2
        self._initialise()

    def _initialise(self) -> None:
        """Draw He's normal weights, as torchvision does."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch feature"]:
        """Return one feature vector a picture."""
        # Pooled first, then cut at 0: the same numbers as torchvision's order, for a quarter of the cutting.
        x = torch.relu(self.maxpool(self.bn1(self.conv1(image))))
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x.mean(dim=(2, 3)) if self.squeeze is None else torch.relu(self.squeeze(x)).flatten(1)


def make_backbone(name: str, width: int = 32, input_px: int = 96) -> ResNet:
    """Return the backbone called `compact`, `resnet18` or `resnet50`; the sizes are for `compact` only.

    Raises:
        BadSetting: there is no such backbone.
    """
    if name == "resnet50":
        return ResNet(Bottleneck, (3, 4, 6, 3))
    if name == "resnet18":
        return ResNet(BasicBlock, (2, 2, 2, 2))
    require_one_of(name, "the backbone", get_args(Backbone))
    # The last stage sees 3×3 cells at 96 px: 6 times the width there instead of 8 saves a third of all weights. What
    # each cell says is kept apart, for which limb was seen where is most of what a small network can know: on steer
    # views PA-MPJPE was 94 mm with it and 100 mm with the mean, after the same 100,000 pictures.
    planes = (width, 2 * width, 4 * width, 6 * width)
    return ResNet(BasicBlock, (2, 2, 2, 2), planes, stem_px=5, squeezed=2 * width, input_px=input_px)
