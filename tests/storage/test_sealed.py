"""No flipped bit in a file that carries its own hash passes for another value."""

from __future__ import annotations

import json

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, read_sealed, sealed, sealed_line, unsealed, unsealed_lines

VALUE = {"seed": 1, "name": "Zoë", "rome": {"explore_share": 0.2, "kinds": [1, 2]}, "none": None}
LINES = "".join(sealed_line({"step": step, "loss": 0.5, "terms": {"pose": 1e-7}}) + "\n" for step in range(3)).encode()


def flips(data: bytes):
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        yield place, bytes(changed)


@pytest.mark.parametrize("indent", [1, None])
def test_every_flipped_bit_of_sealed_json_is_damage(indent):
    data = sealed(VALUE, indent)
    assert unsealed(data, "here") == VALUE
    for place, changed in flips(data):
        with pytest.raises(errors.DamagedFile, match="here"):
            pytest.fail(f"bit {place} passed: {unsealed(changed, 'here')}")


def test_every_flipped_bit_of_checked_lines_is_damage():
    assert [row["step"] for row in unsealed_lines(LINES, "here")] == [0, 1, 2]
    for place, changed in flips(LINES):
        with pytest.raises(errors.DamagedFile, match="here has changed since it was written: line"):
            pytest.fail(f"bit {place} passed: {unsealed_lines(changed, 'here')}")


def test_a_sealed_file_is_plain_json_and_one_of_an_earlier_version_is_read_as_it_is(tmp_path):
    assert json.loads(sealed(VALUE)).keys() - {"sha256"} == VALUE.keys()
    store = FolderStore(tmp_path)
    store.write_once("old.json", json.dumps(VALUE, indent=1).encode())
    assert read_sealed(store, "old.json") == VALUE
    old = b'{"step": 0}\n' + b"[" * 100_000 + b'\n{"step": 1}\n{"st'
    assert [row["step"] for row in unsealed_lines(old, "here")] == [0, 1]


def test_an_edited_file_and_a_truncated_one_are_damage_with_what_to_do():
    data = sealed(VALUE)
    for changed in (data.replace(b"0.2", b"0.3"), data + b" ", data[:-20], b"", b"[" * 100_000):
        with pytest.raises(errors.DamagedFile, match=r"^here (.|\n)*\n  Delete it and run the same command again"):
            unsealed(changed, "here")
