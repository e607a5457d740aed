"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from share_dist.storage import HEAD_BYTES, other_kind


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("models/weights.bin", b"1")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a file"))
    return buffer.getvalue()


def saved_by_torch() -> bytes:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, buffer)
    return buffer.getvalue()


def saved_by_numpy() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, np.zeros(2))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"\0" * 5000, "nothing but zero bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE HTML><title>Login</title>", "a web page"),
        (b"<html lang=en>", "a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML text"),
        (zipped(), "a zip archive"),
        (tarred(), "a tar archive"),
        (gzip.compress(b"1"), "compressed by gzip"),
        (saved_by_torch(), "a PyTorch file"),
        (saved_by_numpy(), "a NumPy .npz archive"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_a_file_is_called_what_it_is(content, kind):
    assert (found := other_kind(content[:HEAD_BYTES])) is not None
    assert found.startswith(kind)


@pytest.mark.parametrize("content", [b"\x80\x02}q\x00.", b"(dp0\n.", b'{"a": 1}', b"\x93NUMPY\x01\x00"])
def test_nothing_is_said_of_what_is_not_known(content):
    assert other_kind(content) is None
