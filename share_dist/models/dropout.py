"""Dropout as a pure function of (seed, step, view): the same units drop at any number of workers and after a resume."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit number, splitmix64's increment


def mix64(x: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """Scramble 64-bit counters into independent-looking bits, the same on every device.

    Source: the finaliser of splitmix64 (Steele et al., OOPSLA 2014). torch shifts signed numbers arithmetically, so
    the sign bits are masked off after each shift; products wrap around as the algorithm wants.
    """
    x = x + _GOLDEN
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * -4658895280553007687
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * -7723592293110705685
    return x ^ ((x >> 31) & 0x1FFFFFFFF)


def sample_keys(seed: int, step: int, numbers: Int64[Tensor, " batch"]) -> Int64[Tensor, " batch"]:
    """Return one 64-bit key a picture from the run's seed, the step and the view number."""
    start = mix64(torch.tensor([seed, step], dtype=torch.int64, device=numbers.device))
    return mix64(mix64(numbers ^ start[0]) ^ start[1])


def uniform_from_keys(keys: Int64[Tensor, " batch"], stream: int, count: int) -> Float[Tensor, "batch count"]:
    """Return `count` numbers in [0, 1) a key; another `stream` is another independent draw."""
    counter = torch.arange(count, dtype=torch.int64, device=keys.device) + (stream << 32)
    bits = mix64(mix64(counter)[None] ^ keys[:, None])
    return ((bits >> 40) & 0xFFFFFF).to(torch.float32) * (1.0 / (1 << 24))


class KeyedDropout(nn.Module):
    """Dropout whose mask is hashed from a key per picture instead of drawn from a global generator."""

    def __init__(self, share: float, stream: int) -> None:
        super().__init__()
        self.share = share
        self.stream = stream

    def forward(self, x: Float[Tensor, "batch unit"], keys: Int64[Tensor, " batch"] | None, turn: int = 0) -> Tensor:
        """Drop units while training; `turn` tells the iterations of a head apart.

        Raises:
            ValueError: training with dropout but without keys, which could not be repeated.
        """
        if not self.training or self.share == 0.0:
            return x
        if keys is None:
            raise ValueError("this model drops units while training: call it as model(images, sample_keys(...))")
        kept = uniform_from_keys(keys, self.stream + 16 * turn, x.shape[1]) >= self.share
        return x * kept.to(x.dtype) / (1.0 - self.share)
