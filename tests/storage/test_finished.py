"""A finished run vouches for all its files outside stages; an unfinished one is finished by the same command."""

from __future__ import annotations

import json

import pytest

from share_dist import errors
from share_dist.ops import verify
from share_dist.storage import (
    MANIFEST,
    FolderStore,
    finish_run,
    inside,
    once,
    read_sealed,
    reopen_run,
    rewrite,
    sealed,
    verified,
    vouched,
)
from share_dist.storage.manifests import fingerprint, manifest_bytes, read_manifest


@pytest.fixture
def run(store):
    """A finished run in each kind of place."""
    return made(store)


@pytest.fixture
def folder(tmp_path):
    """A finished run in a folder."""
    return made(FolderStore(tmp_path / "run"))


def made(store):
    """Make a run with a stage, a file of its own in a folder, and somebody's notes."""
    store.write_once("config.json", sealed({"command": "share"}))
    once(store, "survey/block", lambda: b"rows", lambda data, at: at.write_once("rows", data), lambda at: None)
    store.write_once("survey/meta.json", sealed({"count": 256}))
    store.overwrite("summary.json", sealed({"gain": 1}))
    store.overwrite("report/index.html", b"<html>")
    store.overwrite("notes.txt", b"mine")
    finish_run(store)
    return store


def test_a_finished_run_lists_its_files_and_stages_but_no_strangers(run):
    found = read_manifest(run)
    assert sorted(found.files) == ["config.json", "report/index.html", "summary.json", "survey/meta.json"]
    assert found.stages == ("survey/block",)
    verdict = verify(run.uri())
    assert (verdict.damage, verdict.unguarded, verdict.strays) == ([], [], [run.uri("notes.txt")])
    assert (verdict.stages, verdict.objects) == (1, 5)


def test_what_is_damaged_or_gone_is_named_wherever_it_lies(run):
    run.overwrite("report/index.html", b"<htmm>")
    run.remove(["survey/meta.json", f"survey/block/{MANIFEST}"])
    said = [str(problem).splitlines()[0] for problem in verify(run.uri()).damage]
    assert len(said) == 3
    for name, what in (
        ("report/index.html", "has changed"),
        ("survey/meta.json", "gone"),
        (f"block/{MANIFEST}", "gone"),
    ):
        assert any(name in line and what in line for line in said)


def test_what_comes_from_another_run_is_named_and_not_read_though_it_is_whole(run):
    run.overwrite("summary.json", sealed({"gain": 9}))
    block = inside(run, "survey/block")
    block.overwrite("rows", b"others")
    block.overwrite(MANIFEST, manifest_bytes({"rows": fingerprint(b"others")}))
    said = [str(problem).splitlines()[0] for problem in verify(run.uri()).damage]
    assert len(said) == 2
    for read, name in (
        (lambda: read_sealed(vouched(run), "summary.json"), "summary.json"),
        (lambda: verified(inside(vouched(run), "survey/block")), f"survey/block/{MANIFEST}"),
    ):
        assert any(f"{run.uri(name)} " in line for line in said)
        with pytest.raises(errors.DamagedFile, match=f"{name} has"):
            read()


def test_a_run_is_unfinished_from_when_it_is_reopened_until_it_is_finished_again(run):
    reopen_run(run)
    run.overwrite("summary.json", sealed({"gain": 2}))
    verdict = verify(run.uri())
    assert (verdict.damage, verdict.unguarded) == ([], [run.uri("report/index.html")])
    reopen_run(run)
    finish_run(run)
    assert verify(run.uri()).unguarded == []


def test_a_page_is_rewritten_without_a_moment_in_which_it_looks_damaged(folder, monkeypatch):
    class Killed(BaseException):
        pass

    left, overwrite = [1], type(folder).overwrite

    def dies(store, key, data):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        overwrite(store, key, data)

    with monkeypatch.context() as patched:
        patched.setattr(type(folder), "overwrite", dies)
        with pytest.raises(Killed):
            rewrite(folder, {"report/index.html": b"<new>"})
    assert folder.read("report/index.html") == b"<html>"
    assert verify(folder.uri()).damage == []
    rewrite(folder, {"report/index.html": b"<new>"})
    assert folder.read("report/index.html") == b"<new>"
    assert verify(folder.uri()).damage == []
    folder.overwrite("report/index.html", b"<bad>")
    assert len(verify(folder.uri()).damage) == 1


def test_a_journal_may_grow_after_its_sweep_but_not_change(run):
    reopen_run(run)
    run.overwrite("study.journal", b'{"op_code":0}\n')
    finish_run(run)
    run.overwrite("study.journal", b'{"op_code":0}\n{"op_code":2}\n')
    assert verify(run.uri()).damage == []
    run.overwrite("study.journal", b'{"op_code":1}\n{"op_code":2}\n')
    assert "study.journal has changed" in str(verify(run.uri()).damage[0])


def test_damage_that_was_there_when_a_run_was_finished_is_found_all_the_same(folder):
    reopen_run(folder)
    folder.overwrite("survey/meta.json", folder.read("survey/meta.json").replace(b"256", b"257"))
    finish_run(folder)
    assert "survey/meta.json has changed" in str(verify(folder.uri()).damage[0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80", "is not a manifest"),
        (b"[]", "lists no files"),
        (json.dumps({"version": 2, "files": {}}).encode(), "is of version 2"),
        (manifest_bytes({"../x": {"sha256": "0" * 64, "bytes": 1}}), r"'\.\./x', which is not inside"),
        (manifest_bytes({"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}}), "'/etc/passwd', which is not inside"),
        (manifest_bytes({"x": {"sha256": "short", "bytes": 1}}), "'x' is no hash and size"),
        (manifest_bytes({}).replace(b'"version": 1', b'"version": 3'), "has changed since it was written"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_damage_with_its_name(folder, content, said):
    folder.overwrite(f"survey/block/{MANIFEST}", content)
    with pytest.raises(errors.DamagedFile, match=f"block/{MANIFEST}.*{said}"):
        read_manifest(inside(folder, "survey/block"))
    named = [str(problem) for problem in verify(folder.uri()).damage]
    assert any(f"survey/block/{MANIFEST}" in text for text in named)


def test_a_manifest_of_an_earlier_version_still_vouches(folder):
    block = inside(folder, "survey/block")
    files, of_run = read_manifest(block).files, read_manifest(folder)
    # That of the run knew nothing of them either.
    folder.overwrite(MANIFEST, manifest_bytes(of_run.files, of_run.stages))
    block.overwrite(MANIFEST, json.dumps({"files": files, "version": 1}, indent=1, sort_keys=True).encode())
    assert verify(folder.uri()).damage == []
    assert read_sealed(folder, "summary.json") == {"gain": 1}


def test_a_manifest_of_ten_thousand_files_is_compared_like_any_other(tmp_path):
    store = FolderStore(tmp_path)
    entry = {"sha256": "0" * 64, "bytes": 1}
    store.overwrite(f"stage/{MANIFEST}", manifest_bytes({f"file-{number}": entry for number in range(10_000)}))
    assert len(verify(str(tmp_path)).damage) == 10_000
