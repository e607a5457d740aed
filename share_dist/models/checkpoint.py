"""Checkpoints: weights and their card in one safetensors file, which holds no code and loads anywhere.

The card is JSON in the file's metadata: the network's settings, the body it was trained on, the hash of both settings
and weights, and whatever the caller adds (a training summary, seeds, plans); beside it stands its own hash. Reading
checks all of it before the weights are used.
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
from safetensors.torch import save
from torch import Tensor

from share_dist.errors import BadSetting, DamagedFile, ShareDistError, WrongArchitecture, WrongBody, nearest_name
from share_dist.models.config import ModelConfig
from share_dist.models.container import Container, read_container, read_metadata, weights_hash
from share_dist.models.regressor import Regressor, make_model
from share_dist.models.strangers import beginning_of, folder_refusal, large_refusal, refusal
from share_dist.storage import read_address

FORMAT = "share_dist-checkpoint-v1"

BASE_CHECKPOINT = Path(__file__).parent / "compact_hmr.safetensors"
"""The built-in base model: the compact network, trained on everyday views by the recipe compact-hmr."""


def checkpoint_bytes(model: Regressor, card: dict[str, Any]) -> bytes:
    """Return a checkpoint as bytes, for a store; `card` must hold "body_hash"."""
    if "body_hash" not in card:
        raise ValueError("a checkpoint's card needs 'body_hash': the weights mean nothing on another body")
    own = {"format": FORMAT, "model": model.config.to_json(), "model_hash": model_hash(model)}
    text = json.dumps({**card, **own}, sort_keys=True)
    return _with_metadata(save(_plain_weights(model)), {"card": text, "card_hash": _sha256(text)})


def _with_metadata(content: bytes, metadata: dict[str, str]) -> bytes:
    """Return a safetensors file with metadata in its header, in their order: the library writes them in any."""
    length = int.from_bytes(content[:8], "little")
    header = {"__metadata__": metadata, **json.loads(content[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def blend_checkpoints(start: bytes, end: bytes, share: float) -> bytes:
    """Return the checkpoint that lies `share` of the way from one network's weights to another's.

    Both must have the same layers; the card is the second's, with the share noted. Fine-tuned weights stay joined to
    their start by a path without a barrier, along which forgetting grows later than what was gained.
    Source: Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (WiSE-FT).
    """
    (first, _), (second, card) = (_read_whole(each, _name(each)) for each in (start, end))
    mixed = {
        name: torch.lerp(first.weights[name], value, share) if name in first.weights else value
        for name, value in second.weights.items()
    }
    model = make_model(_config_from_card(card, _name(end)))
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
        DamagedFile: not a whole safetensors file, one without our card, or one whose weights or card were altered.
        WrongArchitecture: another project's network.
    """
    name = _name(source)
    return _read_whole(read_source(source), name)[1]


def read_source(source: Path | str | bytes) -> bytes:
    """Return a checkpoint's bytes, read once for all who need them.

    Raises:
        DamagedFile: it cannot be read; a folder or part of another project's checkpoint is called what it is.
        BadSetting, BucketRefused: its address, or its bucket.
    """
    if isinstance(source, bytes):
        return source
    try:
        if os.path.isdir(source):
            raise folder_refusal(Path(source))
        return read_address(source)
    except DamagedFile as problem:
        raise large_refusal(Path(source), _name(source)) or problem from None
    except ShareDistError:
        raise
    except (OSError, ValueError) as problem:
        raise DamagedFile(
            f"{_name(source)} cannot be read: {beginning_of(Path(source)) or problem}."
            "\n  Looked for: a whole safetensors file."
            "\n  Copy it again, or set --model.checkpoint to another file."
        ) from problem


def load_checkpoint(
    source: Path | str | bytes, body_hash: str | None = None, name: str | None = None
) -> tuple[Regressor, dict[str, Any]]:
    """Read a network and its card.

    Args:
        source: a file written by `save_checkpoint`, or such a file's bytes.
        body_hash: the body in use; None skips the comparison (to look at a file, not to use it).
        name: what messages call the bytes; None calls a file by its path.

    Returns:
        The network, and its card, whose "model_hash" is now known to be that of its weights.

    Raises:
        DamagedFile: missing, truncated or altered, without a card, with NaN among its weights, or of another type.
        WrongBody: trained on another body.
        WrongArchitecture: its weights do not fit the network its card names, or are of another project.
    """
    name = name or _name(source)
    file, card = _read(read_source(source), name)
    if body_hash is not None and card["body_hash"] != body_hash:
        raise WrongBody(
            f"{name} was trained on body {card['body_hash'][:12]}, but the body in use is {body_hash[:12]}."
            "\n  Pose and shape numbers of one body mean something else on another."
            "\n  Set body.folder to the files it was trained with, or train a model on this body:"
            "\n  share-dist train compact-hmr --body.folder DIR"
        )
    model = make_model(_config_from_card(card, name))
    fit_weights(model, file.weights, name)
    _require_its_weights(file, card, name)
    return model, card


def fit_weights(model: Regressor, weights: dict[str, Tensor], source: str) -> None:
    """Put named weights into a network.

    Raises:
        WrongArchitecture: names or shapes differ; the message lists up to ten of each and the nearest known name.
        DamagedFile: a weight is NaN or infinite.
    """
    weights = {name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")}
    state = model.state_dict()
    expected = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
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
    model.load_state_dict({**state, **weights})


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


def _name(source: Path | str | bytes) -> str:
    return "a checkpoint in memory" if isinstance(source, bytes) else f"checkpoint {source}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_whole(content: bytes, name: str) -> tuple[Container, dict[str, Any]]:
    """Return weights and card, having compared them with each other."""
    file, card = _read(content, name)
    _require_its_weights(file, card, name)
    return file, card


def _read(content: bytes, name: str) -> tuple[Container, dict[str, Any]]:
    stranger = refusal(content, name)
    if stranger is not None:
        raise stranger
    metadata, _ = read_metadata(content, name)
    card = _card_from(metadata, name)
    return read_container(content, name), card


def _card_from(metadata: dict[str, str], name: str) -> dict[str, Any]:
    try:
        card = json.loads(metadata["card"])
        texts = [card[key] for key in ("format", "body_hash", "model_hash")]
        known = texts[0] == FORMAT and all(isinstance(text, str) for text in texts) and isinstance(card["model"], dict)
    except (KeyError, TypeError, ValueError, RecursionError):
        known = False
    if not known:
        raise DamagedFile(
            f"{name} has no card of format {FORMAT}."
            f"\n  Found metadata: {', '.join(metadata)[:200] or 'none'}."
            "\n  Weights of other projects or later versions cannot be read; `share-dist train` and `share` write ours."
            "\n  Give one of those, or leave --model.checkpoint out for the built-in model."
        )
    # Cards of earlier versions stand alone. "format" is what other tools add when they write a file again.
    strange = metadata.keys() - {"card", "card_hash", "format"}
    own = _sha256(metadata["card"])
    if strange or metadata.get("card_hash", own) != own:
        raise _altered(name, "its card is not what the hash beside it says")
    return card


def _require_its_weights(file: Container, card: dict[str, Any], name: str) -> None:
    found = weights_hash(card["model"], file)
    if found != card["model_hash"]:
        raise _altered(name, f"the hash of its weights is {found[:12]}, but its card says {card['model_hash'][:12]}")


def _altered(name: str, why: str) -> DamagedFile:
    return DamagedFile(
        f"{name} was altered after it was written: {why}.\n  Copy it again, or set --model.checkpoint to another file."
    )


def _config_from_card(card: dict[str, Any], source: str) -> ModelConfig:
    known = {field.name for field in dataclasses.fields(ModelConfig)}
    for name in card["model"]:
        if name not in known:
            raise WrongArchitecture(
                f"{source} has a network setting '{name}' that this version does not know"
                f"{nearest_name(name, known)}\n  Update share_dist to the version that wrote it."
            )
    try:
        return ModelConfig.from_json(card["model"])
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
