"""Whatever lies under results/, each command works there or says what is missing; nothing changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from share_dist.cli import main

RESULTS = Path(__file__).resolve().parents[2] / "results"
PLACES = ("", "sweep", "repairs/full-seed-0", "bench/render.json", "chaos", "forgetting.json", "repairs.md", "nothing")


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_each_command_works_or_says_what_is_missing(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(RESULTS, tmp_path / "results")
    given = f"results/{place}".rstrip("/")
    works = {
        "ls": main(["ls", given]),
        "report": main(["report", given]),
        "verify": main(["verify", given]),
        "pull": main(["pull", given, "pulled"]),
    }
    if place != "sweep":
        works["--from-sweep"] = main(["share", "--from-sweep", given])
        works["--warm-start"] = main(["sweep", "all", "--warm-start", given])
    assert works.pop("ls") == 0
    wanted = {"report", "pull"} if place == "sweep" else set()
    assert {name for name, status in works.items() if status == 0} == wanted
    assert set(works.values()) <= {0, 2}
    refused = capsys.readouterr().err.split("\n\n")
    assert all("\n  " in message for message in refused if "BadSetting" in message), "a remedy each"
    for file in RESULTS.rglob("*"):
        if file.is_file():
            assert (tmp_path / "results" / file.relative_to(RESULTS)).read_bytes() == file.read_bytes(), file
    added = {path.relative_to(tmp_path / "results") for path in (tmp_path / "results").rglob("*") if path.is_file()}
    added -= {path.relative_to(RESULTS) for path in RESULTS.rglob("*")}
    assert added == ({Path("sweep/report/index.html")} if place == "sweep" else set())
