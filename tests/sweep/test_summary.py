"""Sweeps that were committed, or written by an earlier version, are read as those of today."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from share_dist import errors
from share_dist.cli import main
from share_dist.cli.options import read_share_options
from share_dist.config import setting_of
from share_dist.recipes import find_space
from share_dist.storage import FolderStore
from share_dist.sweep import best_recipe
from share_dist.sweep.summary import read_summary
from share_dist.sweep.warm_start import settings_to_try

RESULTS = Path(__file__).resolve().parents[2] / "results"
COMMITTED = RESULTS / "sweep"


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(COMMITTED, tmp_path / "sweep"))


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_page_of_a_committed_sweep_is_written_beside_what_is_committed(copied, capsys):
    assert main(["report", str(copied)]) == 0
    assert f"Look at the page: {copied}/report/index.html" in capsys.readouterr().out
    written = bytes_below(copied)
    page = written.pop("report/index.html").decode()
    assert "The best settings found lower the worst tenth error" in page
    assert page.count("<tr class='' data-trial='") + len(("best", "default")) == 40
    assert written == bytes_below(COMMITTED)


def test_the_best_settings_of_a_committed_sweep_can_be_run(copied):
    kept = json.loads((COMMITTED / "sweep.json").read_text())["best"]["settings"]
    recipe, config = best_recipe(str(copied))
    assert recipe == "demo"
    assert {name: setting_of(config, name) for name in kept} == kept
    assert read_share_options(["--from-sweep", str(copied)], None).config == config


def test_the_next_sweep_can_begin_with_a_committed_one(copied):
    tried = settings_to_try(str(copied), find_space("all"))
    assert tried[0] == json.loads((COMMITTED / "sweep.json").read_text())["best"]["settings"]
    assert len(tried) == 5


@pytest.mark.parametrize("kept", ["number", "fate", "rounds"])
def test_what_an_earlier_version_did_not_keep_is_said_and_not_needed(copied, kept):
    """Of the trials only one part besides their numbers; nothing else at all."""
    (copied / "sweep.json").unlink()
    trials = json.loads((COMMITTED / "sweep.json").read_text())["trials"]
    few = {"trials": [{name: row[name] for name in {"number", kept}} for row in trials]}
    (copied / "summary.json").write_text(json.dumps(few))
    assert main(["report", str(copied)]) == 0
    assert "not kept" in (copied / "report/index.html").read_text()


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_summary_that_is_none_is_named(copied, text):
    (copied / "summary.json").write_text(text)
    for read in (lambda: read_summary(FolderStore(copied)), lambda: best_recipe(str(copied))):
        with pytest.raises(errors.DamagedFile, match=r"summary\.json is (not JSON|no JSON object)(.|\n)*verify"):
            read()


def test_a_summary_of_something_else_is_not_taken_for_a_sweep(copied):
    (copied / "sweep.json").unlink()
    with pytest.raises(errors.BadSetting, match=r"summary\.json there is of something else"):
        best_recipe(str(copied))


def test_of_a_committed_repair_report_says_what_is_missing(tmp_path, capsys):
    copied = Path(shutil.copytree(RESULTS / "repairs/full-seed-0", tmp_path / "full-seed-0"))
    assert main(["report", str(copied)]) == 2
    missing = "config.json, report/exhibits, judge-before, judge-after are missing"
    assert f"it is the summary of a run without the run itself, for {missing}" in capsys.readouterr().err
    assert bytes_below(copied) == bytes_below(RESULTS / "repairs/full-seed-0")
