"""A stage is done one time; what is half done is done again; what was altered is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from share_dist import errors
from share_dist.storage import FolderStore, inside, once
from share_dist.storage.s3 import S3Store


def stage(store, value, made):
    def make():
        made.append(value)
        return value

    def save(number, into):
        into.write_once("value.json", json.dumps(number).encode())
        into.write_once("sub/copy.txt", str(number).encode())

    return once(store, "round-00/stage", make, save, lambda part: json.loads(part.read("value.json")))


def test_a_finished_stage_is_found_and_not_made_again(store):
    made = []
    assert stage(store, 7, made) == 7
    assert stage(store, 8, made) == 7
    assert made == [7]


def test_what_a_killed_attempt_left_behind_gives_way(store):
    store.write_once("round-00/stage/value.json", b"half do")
    assert stage(store, 7, []) == 7


def test_a_stage_that_fails_commits_nothing(store):
    def fail():
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        once(store, "stage", fail, lambda value, part: None, lambda part: None)
    assert store.list() == []


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["truncated", "altered", "gone"])
@pytest.mark.parametrize("name", ["value.json", "sub/copy.txt"])
def test_a_damaged_artefact_is_named_with_the_folder_to_delete(store, damage, name):
    stage(store, 1234, [])
    key = f"round-00/stage/{name}"
    if damage != "gone":
        store.overwrite(key, b"12" if damage == "truncated" else b"1235")
    elif isinstance(store, FolderStore):
        Path(store.uri(key)).unlink()
    elif isinstance(store, S3Store):
        store.remove([key])
    with pytest.raises(errors.DamagedFile) as caught:
        stage(store, 1234, [])
    assert store.uri(key) in str(caught.value)
    assert f"Delete the folder {store.uri('round-00/stage')}" in str(caught.value)
    store.delete("round-00/stage")
    assert stage(store, 5, []) == 5


def test_a_damaged_manifest_is_named_too(store):
    stage(store, 1, [])
    inside(store, "round-00/stage").overwrite("manifest.json", b'{"ver')
    with pytest.raises(errors.DamagedFile, match="is not a manifest"):
        stage(store, 1, [])


def test_the_value_comes_back_as_a_resumed_run_would_read_it(store):
    def save(value, part):
        part.write_once("value.json", json.dumps(value).encode())

    assert once(store, "s", lambda: (1, 2), save, lambda part: json.loads(part.read("value.json"))) == [1, 2]
