"""Checkpoints: what comes back is what was written, or an error that says why."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from share_dist.errors import DamagedFile, WrongArchitecture, WrongBody
from share_dist.models import (
    ModelConfig,
    checkpoint_bytes,
    fit_weights,
    load_checkpoint,
    make_model,
    model_hash,
    read_card,
    save_checkpoint,
)

TINY = ModelConfig(width=8, hidden=32, input_px=32)
CARD = {"body_hash": "b0d1" * 16, "training": {"steps": 3}}


@pytest.fixture
def saved(tmp_path):
    model = make_model(TINY, seed=3)
    path = tmp_path / "folder" / "model.safetensors"
    save_checkpoint(path, model, CARD)
    return path, model


def rewrite(path, change):
    """Change a checkpoint's weights in place; its card stays."""
    card = {"card": json.dumps(read_card(path))}
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata=card)


def test_a_network_comes_back_bit_for_bit_with_its_card(saved):
    path, model = saved
    model.backbone.bn1.running_mean.fill_(0.25)
    save_checkpoint(path, model, CARD)
    back, card = load_checkpoint(path, body_hash=CARD["body_hash"])
    assert model_hash(back) == model_hash(model) == card["model_hash"]
    assert back.config == TINY
    assert card["training"] == {"steps": 3}
    assert float(back.backbone.bn1.running_mean[0]) == 0.25
    picture = torch.randn(2, 3, 32, 32)
    assert torch.equal(model.eval()(picture).pose, back.eval()(picture).pose)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_same_network_and_card_are_the_same_bytes():
    """The library writes metadata in an order that differs from one time to the next."""
    model = make_model(TINY)
    assert len({checkpoint_bytes(model, CARD) for _ in range(16)}) == 1


def test_the_compact_network_fits_in_twelve_megabytes():
    assert len(checkpoint_bytes(make_model(), CARD)) <= 12_000_000


def test_a_models_hash_follows_its_weights():
    model = make_model(TINY)
    before = model_hash(model)
    with torch.no_grad():
        model.head.fc1.weight[0, 0] += 1e-6
    assert model_hash(model) != before


def test_another_body_is_refused(saved):
    with pytest.raises(WrongBody, match=r"was trained on body b0d1b0d1b0d1, but .* ffff(.|\n)*train compact-hmr"):
        load_checkpoint(saved[0], body_hash="ffff" * 16)
    assert load_checkpoint(saved[0])[1]["body_hash"] == CARD["body_hash"]


@pytest.mark.parametrize("kept", [0, 7, 100, 20_000])
def test_a_truncated_file_is_refused(saved, kept):
    content = saved[0].read_bytes()[:kept]
    saved[0].write_bytes(content)
    for source in (saved[0], content):
        with pytest.raises(DamagedFile, match="cannot be read"):
            load_checkpoint(source)


def test_bytes_are_read_as_the_file_is(saved):
    content = saved[0].read_bytes()
    model, card = load_checkpoint(content, body_hash=CARD["body_hash"])
    assert model_hash(model) == model_hash(saved[1])
    assert card == read_card(saved[0]) == read_card(content)
    with pytest.raises(WrongBody, match="a checkpoint in memory was trained on body b0d1"):
        load_checkpoint(content, body_hash="ffff" * 16)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DamagedFile, match="nowhere.safetensors"):
        load_checkpoint(tmp_path / "nowhere.safetensors")


def test_nan_weights_are_refused(saved):
    rewrite(saved[0], lambda weights: weights["head.fc1.bias"].fill_(float("nan")))
    for source in (saved[0], saved[0].read_bytes()):
        with pytest.raises(DamagedFile, match=r"NaN .* first head\.fc1\.bias"):
            load_checkpoint(source)


def test_a_file_without_our_card_is_refused(saved, tmp_path):
    save_file(load_file(saved[0]), tmp_path / "bare.safetensors")
    for source in (tmp_path / "bare.safetensors", (tmp_path / "bare.safetensors").read_bytes()):
        with pytest.raises(DamagedFile, match=r"no card(.|\n)*`share-dist train` and `share` write ours"):
            load_checkpoint(source)


def test_weights_of_another_network_are_listed(saved):
    rewrite(saved[0], lambda weights: weights.update({"head.fc_1.weight": weights.pop("head.fc1.weight")}))
    with pytest.raises(WrongArchitecture) as caught:
        load_checkpoint(saved[0])
    message = str(caught.value)
    assert "Missing: head.fc1.weight" in message
    assert "Unexpected: head.fc_1.weight" in message
    assert "did you mean 'head.fc1.weight'?" in message
    assert "set --model.checkpoint to another one" in message


def test_a_long_list_of_names_is_cut_at_ten():
    with pytest.raises(WrongArchitecture) as caught:
        fit_weights(make_model(TINY), {}, "nothing.pt")
    missing = next(line for line in str(caught.value).splitlines() if "Missing" in line)
    assert missing.count(",") == 10
    assert "in all" in missing


def test_other_shapes_are_told(saved):
    rewrite(saved[0], lambda weights: weights.update({"head.fc2.bias": torch.zeros(7)}))
    with pytest.raises(WrongArchitecture, match=r"head\.fc2\.bias \(7,\) instead of \(32,\)"):
        load_checkpoint(saved[0])


def test_an_unknown_network_setting_names_the_nearest(saved, tmp_path):
    card = read_card(saved[0])
    card["model"]["hiden"] = card["model"].pop("hidden")
    save_file(load_file(saved[0]), tmp_path / "other.safetensors", metadata={"card": json.dumps(card)})
    with pytest.raises(WrongArchitecture, match="did you mean 'hidden'"):
        load_checkpoint(tmp_path / "other.safetensors")


def test_a_card_must_name_its_body():
    with pytest.raises(ValueError, match="body_hash"):
        checkpoint_bytes(make_model(TINY), {})


def test_weights_fit_whatever_their_batch_norm_counters():
    """Published state dicts carry num_batches_tracked; ours leave it out."""
    model = make_model(TINY)
    fit_weights(make_model(TINY), dict(model.state_dict()), "state dict")
