"""`~` is a home folder in every option of every command that takes a path, written with a space or with =."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from share_dist.cli import main
from share_dist.cli.commands import COMMANDS
from share_dist.cli.line import EXPANDED_WHERE_USED, read_line, with_home
from share_dist.cli.measure import BenchOptions, ChaosOptions
from share_dist.cli.operate import DoctorOptions, ExplainOptions
from share_dist.cli.options import RenderOptions, RunOptions, ShareOptions
from share_dist.cli.sweep import SweepOptions
from share_dist.ops.node_agent import NodeAgentConfig
from share_dist.ops.submit import SubmitConfig
from share_dist.recipes import find_recipe

KINDS = (
    *(RunOptions, ShareOptions, RenderOptions, SweepOptions),
    *(BenchOptions, ChaosOptions, DoctorOptions, ExplainOptions, NodeAgentConfig, SubmitConfig),
)


def text_options(kind: type, prefix: str = "") -> list[tuple[str, str]]:
    """Every option that takes a text or a path: how it is written, and where its value arrives."""
    found = []
    for entry in dataclasses.fields(kind):
        hint = get_type_hints(kind)[entry.name]
        parts = {hint, *get_args(hint)}
        if dataclasses.is_dataclass(hint):
            hidden = entry.name in ("config", "sweep")
            found += [
                (option, f"{entry.name}.{value}")
                for option, value in text_options(hint, prefix if hidden else f"{prefix}{entry.name}.")  # type: ignore[arg-type]
            ]
        elif parts & {str, Path}:
            found.append((f"{prefix}{entry.name}".replace("_", "-"), entry.name))
    return found


CASES = [(kind, option, field) for kind in KINDS for option, field in text_options(kind)]


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def read(kind, words):
    default = {"default": kind(out="runs/x", config=find_recipe("demo"))} if issubclass(kind, RunOptions) else {}
    return read_line(kind, with_home(words), prog="share-dist", **default)


@pytest.mark.parametrize(("kind", "option", "field"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_every_option_that_takes_a_path_knows_the_home_folder(home, kind, option, field):
    for words in ([f"--{option}", "~/x"], [f"--{option}=~/x"]):
        value = read(kind, words)
        for name in field.split("."):
            value = getattr(value, name)
        if option in EXPANDED_WHERE_USED:
            # Its own package does it; see the next test.
            assert str(value) == "~/x"
        else:
            assert str(value) == f"{home}/x"


def test_the_options_are_those_that_name_places():
    names = {option for _, option, _ in CASES}
    places = {"out", "from-sweep", "warm-start", "model.checkpoint", "body.folder", "scene.background-folder"}
    assert places | {"json", "body-folder", "working-dir", "storage"} <= names


@pytest.mark.parametrize("option", EXPANDED_WHERE_USED)
@pytest.mark.parametrize("form", ["--{}=~/nothing-here", "--{} ~/nothing-here"])
def test_what_a_run_keeps_as_it_was_written_is_looked_for_in_the_home_folder(home, capsys, option, form, tmp_path):
    assert main(["share", "demo", *form.format(option).split(), "--out", str(tmp_path / "run")]) == 2
    assert f"{home}/nothing-here" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["out", "model.checkpoint", *EXPANDED_WHERE_USED])
def test_the_home_of_somebody_unknown_is_named(capsys, option):
    assert main(["share", "demo", f"--{option}=~nobody-of-that-name/x"]) == 2
    assert "there is no user 'nobody-of-that-name' here" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--out="], ["--scene.background-folder", ""], ["--body.folder= "]])
def test_a_place_that_is_empty_is_not_this_folder(capsys, words):
    assert main(["survey", "demo", *words]) == 2
    assert f"{words[0].partition('=')[0]} is empty, as where a variable is not set" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["ls", "verify", "report", "lint", "pull"])
def test_a_place_without_an_option_may_be_in_the_home_folder_too(home, monkeypatch, command):
    given = []
    monkeypatch.setitem(COMMANDS, command, lambda words: given.extend(words) or 0)
    assert main([command, "~/runs/demo", "~"]) == 0
    assert given == [f"{home}/runs/demo", str(home)]
