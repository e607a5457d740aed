"""A gentler step: part of the way from one network's weights to another's."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load

from share_dist.errors import WrongArchitecture
from share_dist.models import ModelConfig, blend_checkpoints, checkpoint_bytes, make_model, read_card

CARD = {"body_hash": "b" * 64}


def checkpoint(seed: int, width: int = 8) -> bytes:
    return checkpoint_bytes(make_model(ModelConfig(width=width, hidden=32), seed), CARD)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_weight_lies_that_far_along_the_way(share):
    start, end = checkpoint(0), checkpoint(1)
    first, second, mixed = load(start), load(end), load(blend_checkpoints(start, end, share))
    assert mixed.keys() == second.keys()
    for name, value in mixed.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (1 - share) * first[name] + share * second[name])


def test_the_card_remembers_the_share_and_the_body(tmp_path):
    path = tmp_path / "blend.safetensors"
    path.write_bytes(blend_checkpoints(checkpoint(0), checkpoint(1), 0.75))
    card = read_card(path)
    assert card["blend"] == 0.75
    assert card["body_hash"] == CARD["body_hash"]


def test_networks_of_other_layers_are_not_mixed():
    with pytest.raises((WrongArchitecture, RuntimeError)):
        blend_checkpoints(checkpoint(0, width=16), checkpoint(1), 0.5)
