"""Dropout that is a function of (seed, step, view)."""

from __future__ import annotations

import pytest
import torch

from share_dist.models import ModelConfig, make_model, sample_keys, uniform_from_keys
from share_dist.models.dropout import KeyedDropout, mix64


def test_the_hash_is_splitmix64():
    # First outputs of splitmix64 from the states 0 and 1234567, as the reference C code prints them.
    expected = [0xE220A8397B1DCDAF, 6457827717110365317]
    result = mix64(torch.tensor([0, 1234567]))
    assert [value % 2**64 for value in result.tolist()] == expected


def test_a_pictures_mask_does_not_depend_on_the_batch_around_it():
    drop = KeyedDropout(0.5, stream=1).train()
    x, keys = torch.ones(6, 100), sample_keys(3, 7, torch.arange(6))
    whole = drop(x, keys)
    assert torch.equal(torch.cat([drop(x[:2], keys[:2]), drop(x[2:], keys[2:])]), whole)
    assert not torch.equal(drop(x, sample_keys(3, 8, torch.arange(6))), whole)
    assert not torch.equal(drop(x, keys, turn=1), whole)


def test_uniform_numbers_are_uniform_and_their_streams_independent():
    keys = sample_keys(0, 0, torch.arange(2000))
    first, second = uniform_from_keys(keys, 1, 50), uniform_from_keys(keys, 2, 50)
    assert 0 <= float(first.min()) < 0.001
    assert 0.999 < float(first.max()) < 1
    # The mean of 100,000 uniforms has deviation 0.0009.
    assert float(first.mean()) == pytest.approx(0.5, abs=0.004)
    assert float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]) == pytest.approx(0, abs=0.012)
    assert float(torch.corrcoef(first[:, :2].T)[0, 1]) == pytest.approx(0, abs=0.09)


def test_what_is_kept_makes_up_for_what_is_dropped():
    drop = KeyedDropout(0.25, stream=1).train()
    kept = drop(torch.ones(500, 200), sample_keys(0, 0, torch.arange(500)))
    assert float((kept == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(drop.eval()(torch.ones(2, 3), None), torch.ones(2, 3))


def test_training_with_dropout_needs_keys():
    model = make_model(ModelConfig(width=8, hidden=32, input_px=32, dropout=0.5)).train()
    with pytest.raises(ValueError, match="sample_keys"):
        model(torch.zeros(2, 3, 32, 32))
