"""A small network and a body layer, as one training needs them."""

from __future__ import annotations

import pytest

from share_dist.body import BodyLayer
from share_dist.models import ModelConfig


@pytest.fixture(scope="session")
def layer(figure):
    return BodyLayer(figure)


@pytest.fixture(scope="session")
def tiny():
    return ModelConfig(width=8, hidden=64, input_px=32)
