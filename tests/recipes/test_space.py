"""Search spaces: those we name can be searched, and one that cannot is refused before anything is tried."""

from __future__ import annotations

import json
import os
import re

import pytest

from share_dist.errors import BadSetting, DamagedFile
from share_dist.recipes import (
    SPACES,
    OneOf,
    Range,
    checked_space,
    find_recipe,
    find_space,
    space_from_json,
    space_to_json,
)


@pytest.mark.parametrize("name", SPACES)
def test_a_named_space_can_be_searched_from_the_demo(name):
    checked_space(find_space(name), find_recipe("demo"))


@pytest.mark.parametrize("name", SPACES)
def test_a_named_space_is_the_same_in_json(name):
    assert space_from_json(json.loads(json.dumps(space_to_json(SPACES[name]))), "a file") == SPACES[name]


def test_no_named_space_searches_what_only_costs_time():
    dear = {"learning.fresh_views", "learning.reuse", "survey.steer_views", "share.attempts"}
    assert not any(dear & space.keys() for space in SPACES.values())


@pytest.mark.parametrize(
    ("space", "answer"),
    [
        ({}, "is empty"),
        ({"rome.quantile": Range(low=0.9, high=0.2)}, "0.9 to 0.2, which is empty"),
        ({"rome.quantile": Range(low=0.5, high=0.5)}, "which is empty"),
        ({"rome.kappa": Range(low=0.0, high=1.0, log=True)}, "low above 0"),
        ({"rome.quantle": Range(low=0.2, high=0.9)}, "did you mean 'rome.quantile'"),
        ({"rome.quantile": Range(low=0.2, high=1.5)}, "is a share"),
        ({"share.rounds": Range(low=1.0, high=2.5)}, "takes a whole number"),
        ({"rome.method": Range(low=0.0, high=1.0)}, "takes one of"),
        ({"model.checkpoint": OneOf(options=("a", "b"))}, "model.checkpoint cannot be searched"),
        ({"survey.steer_views": Range(low=512, high=4096)}, "compared on the same model, people and views"),
        ({"rome.temperature": Range(low=0.5, high=float("inf"))}, "a range has two finite ends"),
        ({"rome.kappa": Range(low=float("nan"), high=1.0)}, "a range has two finite ends"),
        ({"learning.learning_rate": Range(low=1e-4, high=1e308)}, "--learning.learning-rate is 1e+308"),
        ({"rome.kappa": Range(low=0.1, high=10**400)}, "rome.kappa is 1000000"),
        ({"rome.kappa": OneOf(options=(0.5, float("nan")))}, "--rome.kappa is nan"),
        ({"losses.anchor": OneOf(options=(3.0, 1e300))}, "--losses.anchor is 1e+300"),
        ({"rome.method": OneOf(options=("rome",))}, "needs two different ones"),
        ({"rome.method": OneOf(options=("rome", "hope"))}, "takes one of"),
        (
            {"rome.quantile": Range(low=0.6, high=0.9)},
            "the recipe's own rome.quantile is 0.5, which lies outside 0.6…0.9",
        ),
        (
            {"rome.quantile": Range(low=0.2, high=0.9, when={"rome.method": "rome"})},
            "rome.method does not stand before it",
        ),
        (
            {
                "rome.method": OneOf(options=("rome", "greedy")),
                "rome.quantile": Range(low=0.2, high=0.9, when={"rome.method": "uniform"}),
            },
            "lies outside 'rome', 'greedy'",
        ),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space, answer):
    with pytest.raises(BadSetting, match=re.escape(answer)):
        checked_space(space, find_recipe("demo"))


def test_a_setting_that_is_not_asked_for_at_first_may_leave_the_recipes_value_outside():
    space = {
        "rome.method": OneOf(options=("rome", "greedy")),
        "rome.greedy_share": Range(low=0.05, high=0.1, when={"rome.method": "greedy"}),
    }
    checked_space(space, find_recipe("demo"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("{", "is not JSON"),
        ("[1]", "found list"),
        ('{"rome.quantile": 0.5}', 'wanted is {"low"'),
        ('{"rome.quantile": {"low": 0.2}}', 'wanted is {"low"'),
        ('{"rome.quantile": {"low": 0.2, "high": 0.9, "step": 3}}', 'wanted is {"low"'),
        ('{"rome.quantile": {"low": "a", "high": 0.9}}', "the limits of a range are numbers"),
        ('{"rome.quantle": {"low": "a", "high": 0.9}}', "did you mean 'rome.quantile'"),
        ("[" * 100_000, "is not JSON"),
        ('{"rome.quantile": {"low": 0.2, "low": 0.3, "high": 0.9}}', "names low twice"),
        ('{"rome.quantile": {"low": 0.2, "high": 0.9, "log": "no"}}', 'wanted is {"low"'),
    ],
)
def test_a_file_that_holds_no_space_is_refused_with_its_name(text, answer, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(BadSetting, match=re.escape(answer)):
        find_space(str(file))


def test_a_folder_or_a_pipe_holds_no_space(tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(BadSetting, match="cannot be read"):
        find_space(str(tmp_path / "folder.json"))
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DamagedFile, match="a named pipe"):
        find_space(str(tmp_path / "pipe.json"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_space_is_read_in_whatever_unicode_an_editor_wrote(tmp_path, encoding):
    (tmp_path / "mine.json").write_text('{"rome.quantile": {"low": 0.2, "high": 0.9}}', encoding=encoding)
    assert find_space(str(tmp_path / "mine.json"))["rome.quantile"] == Range(low=0.2, high=0.9)


def test_a_space_of_ones_own_is_read_from_its_file(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"rome.quantile": {"low": 0.2, "high": 0.9}, "rome.method": {"options": ["rome"]}}))
    assert find_space(str(file))["rome.quantile"] == Range(low=0.2, high=0.9)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_space_may_be_in_whatever_unicode_an_editor_wrote(tmp_path, encoding):
    file = tmp_path / "mine.json"
    file.write_bytes(json.dumps({"rome.quantile": {"low": 0.2, "high": 0.9}}).encode(encoding))
    assert find_space(str(file)) == {"rome.quantile": Range(low=0.2, high=0.9)}


def test_a_folder_or_a_pipe_is_no_space(tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(BadSetting, match=r"folder\.json cannot be read: Is a directory"):
        find_space(str(tmp_path / "folder.json"))
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DamagedFile, match="a named pipe"):
        find_space(str(tmp_path / "pipe.json"))


def test_an_unknown_name_is_answered_with_the_nearest_and_with_how_to_give_ones_own():
    with pytest.raises(BadSetting, match=r"did you mean 'losses'(.|\n)*docs/sweeps.md"):
        find_space("loses")
    with pytest.raises(BadSetting, match="there is no file nowhere.json"):
        find_space("nowhere.json")


@pytest.mark.parametrize(
    ("part", "value", "near"),
    [
        (Range(low=0.0, high=1.0), 0.96, True),
        (Range(low=0.0, high=1.0), 0.94, False),
        (Range(low=1.0, high=2.0), 1.04, True),
        (Range(low=1.0, high=2.0), 1.06, False),
        (Range(low=0.0, high=1.0), 0.04, False),
        # Between 1 and 100 by factors, 1.2 is a twenty-fifth of the way; by differences it would be less.
        (Range(low=1.0, high=100.0, log=True), 1.2, True),
        (Range(low=1.0, high=100.0, log=True), 1.3, False),
        (Range(low=1, high=3), 1, False),
    ],
)
def test_a_value_in_the_first_or_last_twentieth_is_near_an_end_unless_it_is_whole_or_the_end_is_0(part, value, near):
    assert part.is_near_end(value) == near
