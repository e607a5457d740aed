"""A whole sweep in processes of its own, on the built-in model and a real PostgreSQL: killed, gone on with, judged."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from spoiled import require_all_guarded

from share_dist.cli import main
from share_dist.ops import pull
from share_dist.sweep.study import open_database

RUINOUS = 10.0
"""The highest learning rate there is: a weight moves by ten in a step, which no training survives."""
TINY = {
    "seed": 14,
    "survey.steer-views": 512,
    "rome.pool-size": 512,
    "landscape.max-terms": 60,
    "learning.fresh-views": 128,
    "learning.reuse": 2,
    "learning.batch-size": 32,
    "learning.learning-rate": RUINOUS,
    "share.rounds": 1,
    "share.attempts": 1,
    "share.everyday-tolerance": 1.0,
    "training.threads-per-worker": 1,
    "fleet.render-actors": 1,
    "fleet.evaluators": 1,
    "fleet.cpus": 1,
    "length": 1.0,
    "trials": 2,
    "finalists": 0,
}
SPACE = {"learning.learning_rate": {"options": [3e-4, RUINOUS]}, "share.rounds": {"options": [1, 2]}}
"""The first trial, with the settings given, is ruined; with this seed the second has two rounds of what is not."""


def command(out: Path, url: str | None = None, **changed: object) -> list[str]:
    options = [word for name, value in (TINY | changed).items() for word in (f"--{name}", str(value))]
    space = out.parent / "mine.json"
    space.write_text(json.dumps(SPACE))
    storage = ["--storage", url] if url else []
    return [sys.executable, "-m", "share_dist.cli", "sweep", str(space), "smoke", "--out", str(out), *options, *storage]


def finish(words: list[str], status: int = 0) -> str:
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    said = ended.stderr + ended.stdout
    assert ended.returncode == status, said
    return said


def kill_when(words: list[str], out: Path, pattern: str) -> None:
    """SIGKILL the driver as soon as a file of this pattern is there."""
    with open(out.parent / "killed.log", "w+") as said:
        driver = subprocess.Popen(words, stdout=said, stderr=said)
        while not any(out.glob(pattern)):
            assert driver.poll() is None, (out.parent / "killed.log").read_text()
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)
        driver.wait()


def finish_without_a_leader(words: list[str]) -> str:
    """Go on with a killed sweep to its end, and SIGKILL the process that leads its second trial while that learns."""
    driver = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not below(driver.pid, "ray::RayTrainWorker"):
        assert driver.poll() is None, driver.communicate()
        time.sleep(0.05)
    (leader,) = below(driver.pid, "ray::ImplicitFunc")
    leader.kill()
    said = driver.communicate()[0]
    assert driver.returncode == 0, said
    return said


def below(number: int, name: str) -> list[psutil.Process]:
    """The processes that another one started, by the beginning of what they call themselves."""
    found = []
    for child in psutil.Process(number).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found += [child] if " ".join(child.cmdline()).startswith(name) else []
    return found


def stamps(out: Path, pattern: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob(pattern) if path.is_file()}


@pytest.fixture(scope="module")
def swept(tmp_path_factory, postgres):
    """A sweep whose driver was killed in the second round of its second trial, with what it had made by then."""
    out, url = tmp_path_factory.mktemp("sweep") / "killed", postgres.url()
    kill_when(command(out, url), out, "trials/0001/round-01/landscape/manifest.json")
    made = stamps(out, "trials/*/round-*/training/trained/*") | stamps(out, "shared/**/rows.parquet")
    said = finish_without_a_leader(command(out, url))
    return out, said, made


def summary(out: Path) -> dict:
    return json.loads((out / "summary.json").read_text())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sweep_whose_driver_was_killed_goes_on_and_loses_nothing(swept):
    out, said, made = swept
    assert len(made) >= 6
    assert {path: path.stat().st_mtime_ns for path in made} == made
    first, second = summary(out)["trials"]
    assert (first["number"], second["number"]) == (0, 1)
    assert first["settings"] == {"learning.learning_rate": RUINOUS, "share.rounds": 1}
    assert second["settings"] == {"learning.learning_rate": 3e-4, "share.rounds": 2}
    assert [row["round"] for row in second["rounds"]] == [1, 2]
    assert "2/2 trials" in said


@pytest.mark.slow
def test_a_trial_whose_process_was_killed_goes_on_in_another_one(swept):
    out, said, _ = swept
    assert said.count("trial 1 lost its process, and goes on in another one from its last checkpoint") == 1
    assert summary(out)["trials"][1]["fate"] == "done"


@pytest.mark.slow
def test_a_trial_that_diverged_is_kept_with_its_reason(swept):
    out, said, _ = swept
    failed = [row for row in summary(out)["trials"] if row["fate"] == "failed"]
    assert [row["settings"]["learning.learning_rate"] for row in failed] == [RUINOUS]
    assert failed[0]["reason"].startswith("TrainingDiverged: ")
    assert "1 failed, 1 done" in said
    assert failed[0]["reason"].split(":")[0] in (out / "report/index.html").read_text()


@pytest.mark.slow
def test_what_trials_have_in_common_is_made_once(swept):
    out, said, _ = swept
    surveys = [path.parent for path in out.glob("shared/surveys/*/meta.json")]
    models = {json.loads((path / "meta.json").read_text())["model_hash"] for path in surveys}
    # Two distributions of the base model and of the model after each of the two rounds that ended.
    assert len(surveys) == 2 * 3
    assert len(models) == 3
    assert len(list(out.glob("shared/pictures/*/views-*/block.npz"))) == 4
    assert not list(out.glob("trials/**/rows.parquet"))
    assert "Saved by sharing: " in said


@pytest.mark.slow
def test_every_flipped_bit_and_every_lost_file_of_a_sweep_is_named(swept, tmp_path):
    out, *_ = swept
    require_all_guarded(pull(str(out), str(tmp_path / "copy")))


@pytest.mark.slow
def test_no_judge_view_was_ever_looked_at(swept):
    out, *_ = swept
    splits = {json.loads(path.read_text())["plan"]["split"] for path in out.glob("shared/surveys/*/meta.json")}
    assert splits == {"steer"}
    plans = {json.loads(path.read_text())["split"] for path in out.glob("trials/**/plan.json")}
    assert plans == {"train"}


@pytest.mark.slow
def test_the_study_lies_in_the_database_under_the_sweeps_name(swept, postgres):
    import optuna

    out, *_ = swept
    study = optuna.load_study(study_name="killed", storage=open_database(postgres.url()))
    assert len(study.trials) == 2
    assert not (out / "study.journal").exists()


@pytest.mark.slow
def test_the_same_command_on_a_finished_sweep_starts_nothing_and_says_the_same_even_without_what_was_shared(
    swept, postgres, capsys
):
    out, said, _ = swept
    (out / "shared").rename(out.parent / "shared")
    assert main(command(out, postgres.url())[3:]) == 0
    streams = capsys.readouterr()
    again = streams.err + streams.out
    (out.parent / "shared").rename(out / "shared")
    assert "room for" not in again, "it connected to Ray"
    assert again[again.index("2 trials: ") :] == said[said.index("2 trials: ") :]
    assert again.splitlines()[-1] == f"Look at the page: {out}/report/index.html"


@pytest.mark.slow
def test_another_recipe_under_the_same_name_is_refused_before_anything_starts(swept, postgres, tmp_path, capsys):
    out, *_ = swept
    elsewhere = tmp_path / "killed"
    for words, said in (
        (command(out), "holds a run with other settings"),
        (command(elsewhere, postgres.url()), "the study 'killed' is of another sweep"),
    ):
        assert main([*words[3:], "--rome.quantile", "0.6"]) == 2
        refused = capsys.readouterr().err
        assert said in refused
        assert "rome.quantile: 0.5 -> 0.6" in refused
    assert not (elsewhere / "shared").exists()
