"""What is given as a checkpoint and is none of ours, told by its first bytes and without running anything in it."""

from __future__ import annotations

import io
import os
import re
import zipfile
import zlib
from pathlib import Path

from share_dist.body.npz import Bounded
from share_dist.errors import DamagedFile, ShareDistError, WrongArchitecture
from share_dist.storage import HEAD_BYTES, open_given, other_kind, text_of

_OURS = (
    "This release reads only safetensors files that `share-dist train` or `share` wrote, and no other project's.\n"
    "  Give one of those, or leave --model.checkpoint out for the built-in model."
)
_NEVER_OPENED = "Unpickling could run a stranger's code, so it is not opened."

_NETWORKS = (
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", f"a PyTorch checkpoint of before PyTorch 1.6. {_NEVER_OPENED}"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it."),
    (b"\x93NUMPY", "a NumPy array (.npy)."),
    (b"GGUF", "a GGUF file, as llama.cpp reads it."),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file."),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]|\((?:dp|lp)\d+\n|c[\w.]+\n\w+\n|[\]}]q\x00|ccopy_reg\n")
"""Protocols 2 to 5, then what 0 and 1 begin a dictionary, a list or an object with."""

_TORCH_TAR = re.compile(rb"(?:\./)?(?:sys_info|pickle|tensors|storages)\0")
_LEVELDB_END = bytes.fromhex("57fb808b247547db")
"""The last bytes of a LevelDB table, in which TensorFlow keeps the index of its checkpoints."""

_MOST_NAMES = 10_000


def refusal(content: bytes, name: str) -> ShareDistError | None:
    """Return the error for a file that does not begin as a safetensors file does; None where nothing is known of it.

    Args:
        content: the file's bytes.
        name: the file, for the message.
    """
    if content[8:9] == b"{" and int.from_bytes(content[:8], "little") <= 2 * len(content):
        return None
    network = _network(content, io.BytesIO(content))
    if network:
        return _of_another_project(network, name)
    other = other_kind(content[:HEAD_BYTES]) or _text(content)
    return DamagedFile(f"{name} cannot be read: it is {other}.\n  {_OURS}") if other else None


def large_refusal(path: Path, name: str) -> ShareDistError | None:
    """Return the error for a network's file that is too large to be read: those of others may have gigabytes."""
    try:
        with open_given(path) as file:
            network = _network(file.read(HEAD_BYTES), file)
    except (ShareDistError, OSError):
        return None
    return _of_another_project(network, name) if network else None


def _of_another_project(network: str, name: str) -> WrongArchitecture:
    return WrongArchitecture(f"{name} cannot be read: it is {network}\n  {_OURS}")


def _network(content: bytes, file: io.BufferedIOBase) -> str | None:
    """Say which other network's file this is."""
    known = next((kind for start, kind in _NETWORKS if content.startswith(start)), None)
    if known:
        return known
    if content.startswith(b"PK\x03\x04"):
        return _archived(file)
    if _PICKLE.match(content):
        return f"a Python pickle. {_NEVER_OPENED}"
    if _TORCH_TAR.match(content) and content[257:262] == b"ustar":
        return f"a PyTorch checkpoint of before PyTorch 0.1.10. {_NEVER_OPENED}"
    if content.endswith(_LEVELDB_END):
        return "the index of a TensorFlow checkpoint."
    if content[4:8] == b"TFL3":
        return "a TensorFlow Lite network."
    # Protocol buffers: field 1 is a small version; then ONNX names who made it, or TensorFlow its graph.
    if re.match(rb"\x08[\x01-\x20][\x12\x1a\x3a]", content):
        return "a protocol buffer, as ONNX and TensorFlow write them."
    return None


def _archived(file: io.BufferedIOBase) -> str | None:
    """Tell the zip archives of networks apart by the names in them."""
    try:
        with zipfile.ZipFile(Bounded(file)) as archive:  # pyright: ignore[reportArgumentType]  # it has what is needed
            names = [entry.filename for entry in archive.infolist()[:_MOST_NAMES]]
            ends = {name.rpartition("/")[2]: name for name in names}
            first = archive.open(ends["data.pkl"]).read(HEAD_BYTES) if "data.pkl" in ends else b""
    except (zipfile.BadZipFile, OSError, NotImplementedError, IndexError):
        return "a zip archive that is not whole, such as a PyTorch checkpoint whose download broke off."
    except (ValueError, RuntimeError, zlib.error):
        return None
    if "constants.pkl" in ends:
        return f"a TorchScript program. {_NEVER_OPENED}"
    if "data.pkl" in ends:
        lightning = " Lightning" if b"pytorch-lightning_version" in first else ""
        return f"a PyTorch{lightning} checkpoint. {_NEVER_OPENED}"
    if "model.weights.h5" in ends:
        return "a Keras network."
    if "archive_format" in ends or "serialized_exported_program.json" in ends:
        return "a program that torch.export wrote."
    return "a NumPy archive (.npz)." if names and all(name.endswith(".npy") for name in names) else None


def _text(content: bytes) -> str | None:
    """Say what a text is that came in a checkpoint's place."""
    text = text_of(content[: 4 * HEAD_BYTES])
    if text.startswith(("# xet version", "/annex/objects/", "../.git/annex", ".git/annex", "outs:")):
        return "a pointer to a file that was not fetched; fetch it with the tool that keeps it"
    if text.startswith("model_checkpoint_path:"):
        return "the list of a TensorFlow checkpoint's files"
    if re.match(r"<Error\b", text):
        return "a bucket's error in place of a file"
    if not text or "\ufffd" in text[:200] or not all(letter.isprintable() or letter.isspace() for letter in text[:200]):
        return None
    if re.match(r"[\[{]", text):
        if b'"model_hash"' in content:
            return "the card of a checkpoint without its weights"
        return "the index of a network in several files" if b'"weight_map"' in content else "JSON, not weights"
    return f"a text that begins with '{' '.join(text.split())[:60]}'"


def folder_refusal(folder: Path) -> ShareDistError:
    """Return the error for a folder that was given for a checkpoint.

    Args:
        folder: it exists.
    """
    names = [path.name for _, path in zip(range(_MOST_NAMES), folder.iterdir(), strict=False)]
    own = sorted(name for name in names if name.endswith(".safetensors"))
    kind = "a folder"
    if any(name.startswith(("mp_rank_", "zero_pp_rank_", "global_step")) for name in names):
        kind = "a DeepSpeed checkpoint's folder"
    elif "saved_model.pb" in names or any(name.endswith(".index") for name in names):
        kind = "a TensorFlow checkpoint's folder"
    elif "hparams.yaml" in names or any(name.endswith(".ckpt") for name in names):
        kind = "a PyTorch Lightning run's folder"
    elif "config.json" in names and any(name.endswith(".bin") for name in names):
        kind = "the folder of a Hugging Face network"
    named = f"It holds {', '.join(own[:5])}: name the file itself, such as {folder / own[0]}." if own else _OURS
    return DamagedFile(f"checkpoint {folder} cannot be read: it is {kind}.\n  {named}")


def beginning_of(path: Path) -> str | None:
    """Say what a path is that names no file, but the beginning of several: TensorFlow's way of naming a checkpoint."""
    several = any(os.path.isfile(f"{path}{end}") for end in (".index", ".meta"))
    return "it is the beginning of the names of a TensorFlow checkpoint's files" if several else None
