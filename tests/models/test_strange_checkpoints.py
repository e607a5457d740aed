"""What people give as --model.checkpoint: called what it is, never opened as code, never believed unread."""

from __future__ import annotations

import collections
import gzip
import io
import json
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file

from share_dist.errors import DamagedFile, ShareDistError, WrongArchitecture
from share_dist.models import (
    BASE_CHECKPOINT,
    ModelConfig,
    blend_checkpoints,
    checkpoint_bytes,
    load_checkpoint,
    make_model,
    model_hash,
    read_card,
)

TINY = ModelConfig(width=8, hidden=32, input_px=32)
CARD = {"body_hash": "b0d1" * 16, "training": {"steps": 3}}
WEIGHTS = {"layer.weight": torch.zeros(2, 2)}


def by_torch(value, **how) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **how)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"1")
    return buffer.getvalue()


def by_numpy() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(2))
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 10716768\n"
STRANGERS = {
    "pytorch": (by_torch({"state_dict": WEIGHTS}), "a PyTorch checkpoint"),
    "pytorch of old": (by_torch(WEIGHTS, _use_new_zipfile_serialization=False), "before PyTorch 1.6"),
    "lightning": (by_torch({"pytorch-lightning_version": "2.4.0", "state_dict": {}}), "a PyTorch Lightning checkpoint"),
    "pytorch cut off": (by_torch(WEIGHTS)[:300], "not whole"),
    "torchscript": (zipped("net/data.pkl", "net/code/a.py", "net/constants.pkl"), "a TorchScript program"),
    "pickle": (pickle.dumps({"state_dict": [1]}), "a Python pickle"),
    "pickle of old": (pickle.dumps({"state_dict": [1]}, protocol=0), "a Python pickle"),
    "pytorch of 2016": (b"sys_info".ljust(257, b"\0") + b"ustar" + b"\0" * 250, "before PyTorch 0.1.10"),
    "keras": (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "an HDF5 file"),
    "keras 3": (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras network"),
    "npz": (by_numpy(), "a NumPy archive"),
    "onnx": (b"\x08\x08\x12\x07pytorch\x1a\x052.4.0", "ONNX"),
    "tensorflow index": (b"\0\0\x01" * 90 + bytes.fromhex("57fb808b247547db"), "the index of a TensorFlow checkpoint"),
    "tflite": (b"\x1c\0\0\0TFL3" + b"\0" * 64, "a TensorFlow Lite network"),
    "tensorflow list": (b'model_checkpoint_path: "model.ckpt-667589"\n', "the list of a TensorFlow checkpoint's files"),
    "lfs": (LFS, "a Git LFS pointer"),
    "lfs by an editor": (b"\xef\xbb\xbf\r\n" + LFS.replace(b"\n", b"\r\n"), "a Git LFS pointer"),
    "xet": (b"# xet version 0\nfilesize = 10716768\n", "a pointer to a file that was not fetched"),
    "login page": (b"\xef\xbb\xbf\n<!DOCTYPE html><html><title>Sign in</title>", "a web page"),
    "wide login page": ("\n<html><title>Sign in</title>".encode("utf-16"), "a web page"),
    "wide login page, unmarked": ("\n\n<!-- 1 -->\n<html>".encode("utf-16-be"), "a web page"),
    "bucket": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML text, as a bucket sends it"),
    "bucket, bare": (b"<Error><Code>NoSuchKey</Code></Error>", "a bucket's error"),
    "json": (b'{"error": "Invalid credentials in Authorization header"}', "JSON, not weights"),
    "several files": (b'{"metadata": {}, "weight_map": {}}', "the index of a network in several files"),
    "card": (
        b'{"format": "share_dist-checkpoint-v1", "model_hash": "0"}',
        "the card of a checkpoint without its weights",
    ),
    "numbers that begin as JSON does": (b"{\xff\x80\x9f\x00\x01" * 99, "its header should have"),
    "text": (b"Invalid username or password.", "a text that begins with 'Invalid username"),
    "gzip": (gzip.compress(b"1"), "compressed by gzip"),
    "empty": (b"", "empty"),
    "zeros": (b"\0" * 4096, "nothing but zero bytes"),
    "noise": (random.Random(0).randbytes(4096), "its header should have"),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_what_is_no_checkpoint_is_called_what_it_is(kind, tmp_path):
    content, words = STRANGERS[kind]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises((DamagedFile, WrongArchitecture)) as caught:
        load_checkpoint(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "--model.checkpoint" in str(caught.value)


class Intruder:
    """What a hostile file would run when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize("content", [by_torch(Intruder()), pickle.dumps(Intruder())], ids=["torch", "pickle"])
def test_nothing_in_a_strange_file_is_run(content):
    with pytest.raises(WrongArchitecture, match="it is not opened"):
        load_checkpoint(content)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["config.json", "pytorch_model.bin"], "Hugging Face"),
        (["config.json", "model.safetensors"], "name the file itself, such as"),
        (["hparams.yaml", "checkpoints"], "Lightning"),
        (["mp_rank_00_model_states.pt", "latest"], "DeepSpeed"),
        (["model.ckpt-1.index", "model.ckpt-1.data-00000-of-00001"], "TensorFlow"),
        ([], "it is a folder"),
    ],
)
def test_a_folder_is_called_what_it_is(names, words, tmp_path):
    for name in names:
        (tmp_path / name).touch()
    for folder in (tmp_path, f"{tmp_path}/"):
        with pytest.raises(DamagedFile, match=words):
            load_checkpoint(folder)


def test_the_beginning_of_tensorflows_names_is_told_from_a_file_that_is_not_there(tmp_path):
    (tmp_path / "model.ckpt-1.index").touch()
    with pytest.raises(DamagedFile, match="the beginning of the names of a TensorFlow"):
        load_checkpoint(tmp_path / "model.ckpt-1")


@pytest.mark.parametrize(
    ("start", "words"),
    [(b"", "1,099,511,627,776 bytes"), (by_torch(WEIGHTS, _use_new_zipfile_serialization=False), "before PyTorch 1.6")],
    ids=["unknown", "pytorch"],
)
def test_a_file_of_a_terabyte_is_refused_by_its_size_or_called_what_it_is(start, words, tmp_path):
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(start)
        file.truncate(1 << 40)
    with pytest.raises((DamagedFile, WrongArchitecture), match=words):
        load_checkpoint(tmp_path / "model.safetensors")


def test_a_name_that_is_too_long_for_a_file_is_no_checkpoint():
    with pytest.raises(DamagedFile, match="File name too long"):
        load_checkpoint("a" * 300)


def headed(header: object, weights: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + weights


def whole_card(**changes) -> dict:
    card = {**CARD, "format": "share_dist-checkpoint-v1", "model": TINY.to_json(), "model_hash": "0" * 64}
    return {"__metadata__": {"card": json.dumps({**card, **changes})}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (headed(b"{}" + b" " * 16_000_000), "its header has 16,000,002 bytes"),
        (headed({}, length=1 << 62), "its header should have 4,611,686,018,427,387,904 bytes"),
        (headed(b'{"a":' * 50_000), "not that of a safetensors file"),
        (headed(b'{"__metadata__":' + b"[" * 100_000), "not that of a safetensors file"),
        (headed({"__metadata__": {"card": "[" * 100_000}}), "has no card"),
        (headed(b'{"a": 1, "a": 2}'), "a name stands in it twice"),
        (headed([1]), "not that of a safetensors file"),
        (headed({"__metadata__": {"card": 5}}), "not all text"),
        (headed({**whole_card(), "a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4]}}, b"abcd"),
         r"a has the shape \[1000000000000\], which takes 4,000,000,000,000 bytes"),
        (headed({**whole_card(), "a": {"dtype": "F32", "shape": [10**300] * 9, "data_offsets": [0, 4]}}, b"abcd"),
         "does not say what a is"),
        (headed({**whole_card(), "a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"abcd"),
         "does not say what a is"),
        (headed({**whole_card(), "a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}}, b"abcd"),
         "does not say what a is"),
        (headed({**whole_card(), "a": 5}), "does not say what a is"),
    ],
    ids=range(13),
)  # fmt: skip
def test_a_header_is_compared_with_its_file_before_anything_is_allocated(content, words):
    with pytest.raises(DamagedFile, match=words):
        load_checkpoint(content)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.int8])
def test_weights_of_another_type_are_refused_by_name(kind):
    weights = load_card_and_weights()[1]
    weights["head.fc1.weight"] = weights["head.fc1.weight"].to(kind)
    with pytest.raises(DamagedFile, match=r"holds head\.fc1\.weight as \w+, but .* are float32"):
        load_checkpoint(save(weights, {"card": load_card_and_weights()[0]}))


def load_card_and_weights() -> tuple[str, dict[str, torch.Tensor]]:
    content = checkpoint_bytes(make_model(TINY), CARD)
    from safetensors.torch import load

    return json.dumps(read_card(content)), load(content)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backbone": "resnet5"}, "backbone is 'resnet5', but it must be one of compact, resnet18, resnet50"),
        ({"backbone": ["compact"]}, "backbone is"),
        ({"head": "smplx"}, "head is 'smplx', but it must be one of hmr-6d, hmr-axis-angle"),
        ({"hidden_activation": "gelu"}, "hidden-activation is 'gelu'"),
        ({"width": 10**14}, "width is 100000000000000, but it must lie from 1 to 256"),
        ({"hidden": 10**14}, "hidden is 100000000000000"),
        ({"width": 256, "hidden": 8192, "input_px": 2048}, "weights, and 268,435,456 are the most"),
        ({"width": "8"}, "width is '8', but it must be a whole number"),
        ({"width": 8.5}, "whole number"),
        ({"width": True}, "whole number"),
        ({"width": None}, "whole number"),
        ({"iterations": -1}, "iterations is -1"),
        ({"iterations": 10**9}, "iterations is 1000000000"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"dropout": float("inf")}, "dropout is inf"),
    ],
)
def test_a_card_that_names_a_network_we_cannot_build_is_refused_by_name(change, words):
    card, weights = load_card_and_weights()
    card = json.loads(card)
    card["model"] |= change
    with pytest.raises(WrongArchitecture) as caught:
        load_checkpoint(save(weights, {"card": json.dumps(card)}))
    assert words in str(caught.value)


@pytest.mark.slow
def test_one_flipped_bit_anywhere_in_a_checkpoint_is_noticed():
    """In the header's length, a name, the card, its hash, or a weight: drawn from all bits of the file."""
    content = checkpoint_bytes(make_model(TINY, seed=3), CARD)
    begin = 8 + int.from_bytes(content[:8], "little")
    draw = random.Random(0)
    places = [*range(0, 64, 3), *(draw.randrange(begin * 8) for _ in range(100))]
    places += [draw.randrange(begin * 8, len(content) * 8) for _ in range(15)]
    passed = collections.Counter()
    for place in places:
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        try:
            load_checkpoint(bytes(flipped))
        except ShareDistError:
            continue
        passed[place] += 1
    assert not passed


def test_an_altered_checkpoint_is_neither_shown_nor_blended():
    content = checkpoint_bytes(make_model(TINY), CARD)
    altered = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(DamagedFile, match="altered after it was written: the hash of its weights"):
        read_card(altered)
    for start, end in ((content, altered), (altered, content)):
        with pytest.raises(DamagedFile, match="altered"):
            blend_checkpoints(start, end, 0.5)


def test_an_altered_card_is_noticed_although_the_weights_are_right():
    content = checkpoint_bytes(make_model(TINY), CARD)
    with pytest.raises(DamagedFile, match="its card is not what the hash beside it says"):
        load_checkpoint(content.replace(b'\\"steps\\": 3', b'\\"steps\\": 4'))


def test_cards_of_earlier_versions_which_stand_alone_are_still_read(tmp_path):
    card, weights = load_card_and_weights()
    save_file(weights, tmp_path / "old.safetensors", {"card": card})
    assert load_checkpoint(tmp_path / "old.safetensors")[1] == json.loads(card)


def test_the_built_in_model_is_what_its_card_says():
    model, card = load_checkpoint(BASE_CHECKPOINT)
    assert model_hash(model) == card["model_hash"]
    assert load_file(BASE_CHECKPOINT).keys() <= model.state_dict().keys()
