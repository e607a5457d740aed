"""Checkpoints: weights and their card in one safetensors file, which holds no code and loads anywhere.

The card is JSON in the file's metadata: the network's settings, the body it was trained on, and whatever the caller
adds (a training summary, seeds, plans). Reading checks all of it before the weights are used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from share_dist.errors import BadSetting, DamagedFile, ShareDistError, WrongArchitecture, WrongBody, nearest_name
from share_dist.models.config import ModelConfig
from share_dist.models.regressor import Regressor, make_model
from share_dist.storage import read_address

FORMAT = "share_dist-checkpoint-v1"

BASE_CHECKPOINT = Path(__file__).parent / "compact_hmr.safetensors"
"""The built-in base model: the compact network, trained on everyday views by the recipe compact-hmr."""


def checkpoint_bytes(model: Regressor, card: dict[str, Any]) -> bytes:
    """Return a checkpoint as bytes, for a store; `card` must hold "body_hash"."""
    if "body_hash" not in card:
        raise ValueError("a checkpoint's card needs 'body_hash': the weights mean nothing on another body")
    full = {**card, "format": FORMAT, "model": model.config.to_json(), "model_hash": model_hash(model)}
    return save(_plain_weights(model), metadata={"card": json.dumps(full, sort_keys=True)})


def blend_checkpoints(start: bytes, end: bytes, share: float) -> bytes:
    """Return the checkpoint that lies `share` of the way from one network's weights to another's.

    Both must have the same layers; the card is the second's, with the share noted. Fine-tuned weights stay joined to
    their start by a path without a barrier, along which forgetting grows later than what was gained.
    Source: Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (WiSE-FT).
    """
    first, second = load(start), load(end)
    mixed = {
        name: torch.lerp(first[name], value, share) if value.is_floating_point() else value
        for name, value in second.items()
    }
    model, card = load_checkpoint(end)
    fit_weights(model, mixed, "the blend of two checkpoints")
    return checkpoint_bytes(model, {**card, "blend": share})


def save_checkpoint(path: Path | str, model: Regressor, card: dict[str, Any]) -> None:
    """Write a checkpoint; a reader sees the old file or the whole new one, never half.

    Args:
        path: where to; folders are made.
        model: the network, in any device or precision; weights are stored as float32.
        card: JSON values, "body_hash" among them; "format", "model" and "model_hash" are added.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = checkpoint_bytes(model, card)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_card(source: Path | str | bytes) -> dict[str, Any]:
    """Return a checkpoint's card.

    Raises:
        DamagedFile: not a whole safetensors file, or one without our card.
    """
    return _read(source)[1]


def load_checkpoint(source: Path | str | bytes, body_hash: str | None = None) -> tuple[Regressor, dict[str, Any]]:
    """Read a network and its card.

    Args:
        source: a file written by `save_checkpoint`, or such a file's bytes.
        body_hash: the body in use; None skips the comparison (to look at a file, not to use it).

    Raises:
        DamagedFile: missing, truncated or altered, without a card, or with NaN among its weights.
        WrongBody: trained on another body.
        WrongArchitecture: its weights do not fit the network its card names.
    """
    weights, card = _read(source)
    name = _name(source)
    if body_hash is not None and card["body_hash"] != body_hash:
        raise WrongBody(
            f"{name} was trained on body {card['body_hash'][:12]}, but the body in use is {body_hash[:12]}."
            "\n  Pose and shape numbers of one body mean something else on another."
            "\n  Set body.folder to the files it was trained with, or train a model on this body:"
            "\n  share-dist train compact-hmr --body.folder DIR"
        )
    model = make_model(_config_from_card(card, name))
    fit_weights(model, weights, name)
    return model, card


def fit_weights(model: Regressor, weights: dict[str, Tensor], source: str) -> None:
    """Put named weights into a network.

    Raises:
        WrongArchitecture: names or shapes differ; the message lists up to ten of each and the nearest known name.
        DamagedFile: a weight is NaN or infinite.
    """
    weights = {name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")}
    expected = _plain_weights(model)
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    shapes = [
        f"{name} {tuple(weights[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in weights and weights[name].shape != expected[name].shape
    ]
    if missing or unexpected or shapes:
        raise WrongArchitecture(_mismatch(source, model.config, missing, unexpected, shapes, list(expected)))
    bad = [name for name, value in weights.items() if not bool(torch.isfinite(value).all())]
    if bad:
        raise DamagedFile(
            f"{source} has NaN or infinite numbers in {len(bad)} of its {len(weights)} weights, first {bad[0]}."
            "\n  Training diverged or the file was altered: go back to an earlier checkpoint."
        )
    model.load_state_dict({**weights, **_counters(model)})


def model_hash(model: Regressor) -> str:
    """Return the sha256 of the network's settings and weights, whatever file or device they are in."""
    digest = hashlib.sha256(json.dumps(model.config.to_json(), sort_keys=True).encode())
    for name, value in sorted(_plain_weights(model).items()):
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _plain_weights(model: Regressor) -> dict[str, Tensor]:
    """Return weights and buffers as float32 on the CPU, without batch norm's counters, which nothing reads."""
    state = model.state_dict()
    return {
        name: value.detach().to("cpu", torch.float32, memory_format=torch.contiguous_format).contiguous()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _counters(model: Regressor) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")}


def _name(source: Path | str | bytes) -> str:
    return "a checkpoint in memory" if isinstance(source, bytes) else f"checkpoint {source}"


def _read(source: Path | str | bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        content = source if isinstance(source, bytes) else read_address(source)
        weights, metadata = load(content), _metadata(content)
    except ShareDistError:
        raise
    except (SafetensorError, OSError, ValueError) as problem:
        raise DamagedFile(
            f"{_name(source)} cannot be read: {problem}"
            "\n  Looked for: a whole safetensors file."
            "\n  Copy it again, or set --model.checkpoint to another file."
        ) from problem
    try:
        card = json.loads(metadata["card"])
        known = card["format"] == FORMAT and "body_hash" in card and "model" in card
    except (KeyError, TypeError, json.JSONDecodeError):
        known = False
    if not known:
        raise DamagedFile(
            f"{_name(source)} has no card of format {FORMAT}."
            f"\n  Found metadata: {', '.join(metadata) or 'none'}."
            "\n  Weights of other projects need their reader; ours are written by `share-dist train` or `share`."
        )
    return weights, card


def _metadata(content: bytes) -> dict[str, str]:
    """Return what a whole safetensors file says beside its weights; `safetensors.torch.load` leaves it out."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__") or {}


def _config_from_card(card: dict[str, Any], source: str) -> ModelConfig:
    known = {field.name for field in dataclasses.fields(ModelConfig)}
    for name in card["model"]:
        if name not in known:
            raise WrongArchitecture(
                f"{source} has a network setting '{name}' that this version does not know"
                f"{nearest_name(name, known)}\n  Update share_dist to the version that wrote it."
            )
    try:
        return ModelConfig(**card["model"])
    except BadSetting as problem:
        raise WrongArchitecture(f"{source} names a network that cannot be built: {problem}") from problem


def _mismatch(
    source: str, config: ModelConfig, missing: list[str], unexpected: list[str], shapes: list[str], known: list[str]
) -> str:
    lines = [f"{source} does not fit the network {config.backbone} + {config.head} (hidden {config.hidden})."]
    for title, names in (("Missing", missing), ("Unexpected", unexpected), ("Other shape", shapes)):
        if names:
            more = f", … {len(names)} in all" if len(names) > 10 else ""
            lines.append(f"  {title}: {', '.join(names[:10])}{more}")
    if unexpected and missing:
        lines.append(f"  {unexpected[0]}{nearest_name(unexpected[0], known if len(known) < 20 else missing[:20])}")
    lines.append("  A checkpoint's card names its network: another version built it otherwise, or the file changed.")
    lines.append("  Use the version that wrote it, copy it again, or set --model.checkpoint to another one.")
    return "\n".join(lines)
