"""Archives of arrays: nothing of them runs, and they unpack to no more than they may."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from share_dist import errors
from share_dist.storage import FolderStore, read_arrays


def archive(array, save=np.savez) -> bytes:
    sink = io.BytesIO()
    save(sink, a=array)
    return sink.getvalue()


def with_header(header: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as zipped:
        zipped.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (archive(np.zeros(100_000), np.savez_compressed), "expand to 800,"),
        (with_header(b"{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000000,)}"), "is of type"),
        (archive(np.array([len], object)), "allow_pickle=False"),
        (with_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,)}"), "Unable to allocate"),
        (with_header(b"(" * 9_000), "TokenError"),
        (with_header(b"-" * 9_000 + b"1"), "MemoryError"),
        (b"PK", "not a zip"),
    ],
    ids=["expanding", "no bytes", "objects", "huge", "brackets", "signs", "no archive"],
)
def test_an_archive_that_is_not_ours_is_refused(tmp_path, data, words):
    FolderStore(tmp_path).write_once("a.npz", data)
    with pytest.raises(errors.DamagedFile, match=words):
        read_arrays(FolderStore(tmp_path), "a.npz")


def test_an_archive_that_we_wrote_is_read_up_to_the_size_that_is_named(tmp_path):
    store = FolderStore(tmp_path)
    store.write_once("a.npz", archive(np.ones(100), np.savez_compressed))
    assert read_arrays(store, "a.npz", 1_000)["a"].sum() == 100
    with pytest.raises(errors.DamagedFile, match="expand to 9"):
        read_arrays(store, "a.npz", 900)
