"""What all benches do alike: a file of figures that cannot be lost after the measurement."""

from __future__ import annotations

import json

import pytest

from share_dist.errors import NotWritable
from share_dist.studies import BENCHES, run_bench


def test_the_figures_are_kept_in_a_folder_that_was_not_there(monkeypatch, tmp_path, capsys):
    path = tmp_path / "new" / "deeper" / "x.json"
    there = []

    def measure():
        there.append(list(tmp_path.rglob("*")))
        return {"ratio": 1.25, "steps": 3}

    monkeypatch.setitem(BENCHES, "render", measure)
    run_bench("render", path)
    assert there == [[tmp_path / "new", path.parent]], "a file was made before there was anything to write"
    assert json.loads(path.read_text()) == {"command": "share-dist bench render", "ratio": 1.25, "steps": 3}
    assert capsys.readouterr().out.splitlines()[-1] == "render ratio=1.250"


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.setitem(BENCHES, "render", lambda: pytest.fail("it was measured"))
    with pytest.raises(NotWritable):
        run_bench("render", tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable):
        run_bench("render", tmp_path / "file" / "x.json")


def test_nothing_is_written_where_nothing_is_asked(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BENCHES, "render", lambda: {"ratio": 1.0})
    run_bench("render")
    assert not list(tmp_path.iterdir())
