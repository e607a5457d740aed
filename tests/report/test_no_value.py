"""A metric that is no number never reaches a page as one: the page says how many views have none, and why."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re

import numpy as np
import pytest
from browser import Browser, missing
from invented import summary
from invented_sweep import make_sweep

from share_dist.report import Story, SweepTrial, readme_picture, table_text, write_report, write_sweep_report
from share_dist.report.words import WHY_NO_VALUE

pytestmark = pytest.mark.slow

NAN = float("nan")
NOT_A_NUMBER = re.compile(r"(?<![\w-])(nan|NaN|None|null|undefined|inf|Infinity)(?![\w-])")


def read(page: bytes) -> str:
    """What a reader sees: the text outside of scripts and styles, and outside of the raw summary."""
    text = re.sub(r"<(script|style|pre)\b.*?</\1>", "", page.decode(), flags=re.S)
    return re.sub(r"<[^>]*>", " ", text)


def with_holes(story: Story) -> Story:
    """Some views without an error of either model, of the gallery's too; one metric without any value."""
    before, after = story.survey.before_mm.copy(), story.survey.after_mm.copy()
    before[:3], after[:40] = np.nan, np.inf
    told = copy.deepcopy(dict(story.summary))
    told["before"]["all_cameras"] |= {"pve_mm": None, "without_value": {"mpjpe_mm": 3, "pve_mm": len(before)}}
    told["after"]["all_cameras"] |= {"pve_mm": NAN, "without_value": {"mpjpe_mm": 40}}
    items = [dataclasses.replace(story.gallery[0], before_mm=NAN), dataclasses.replace(story.gallery[1], after_mm=NAN)]
    return dataclasses.replace(
        story,
        summary=told,
        survey=dataclasses.replace(story.survey, before_mm=before, after_mm=after),
        gallery=[*items, *story.gallery[2:]],
    )


def test_the_page_counts_the_views_without_a_value_and_says_why(story):
    page = write_report(with_holes(story))
    text = read(page)
    assert not NOT_A_NUMBER.search(text)
    assert f"Of {len(story.survey):,} views 3 have no value before, 40 after, because {WHY_NO_VALUE}" in text
    assert "judge views; 3 have no value before, 40 after" in text
    assert text.count(f"no value: {WHY_NO_VALUE}") == 2, "two views of the gallery"
    assert re.search(r"PVE\s+2,048 have no value before, 40 after\s+–\s+–\s+no view has a value", text)


def test_the_data_of_the_page_are_json_to_any_reader(story):
    block = re.search(r'id="story">(.*?)</script>', write_report(with_holes(story)).decode(), re.S)[1]

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    data = json.loads(block, parse_constant=refuse)
    assert data["views"]["after"][0] is None


@pytest.mark.parametrize("of", ["before_mm", "after_mm"])
def test_a_model_without_any_value_has_a_page_too(story, of):
    nothing = dataclasses.replace(story.survey, **{of: np.full(len(story.survey), np.nan)})
    text = read(write_report(dataclasses.replace(story, survey=nothing)))
    assert not NOT_A_NUMBER.search(text)
    assert f"Of {len(story.survey):,} views {len(story.survey):,} have no value" in text


@pytest.mark.parametrize("value", [None, NAN, math.inf])
def test_the_figures_that_judge_a_run_say_that_they_have_no_value(value):
    told = summary()
    told["before"]["everyday"]["mpjpe_mm"] = value
    text = read(write_report(Story(summary=told)))
    assert not NOT_A_NUMBER.search(text)
    assert re.search(rf"everyday views\s+–\s+no value: {WHY_NO_VALUE}", text)


def test_the_table_in_a_terminal_says_the_same(story):
    text = table_text(with_holes(story).summary)
    assert not NOT_A_NUMBER.search(text)
    assert "judge views; 3 have no value before, 40 after)" in text
    assert "No value: the network's answer there, or the truth, is no finite number; means are over the other" in text
    assert re.search(r"PVE +- +- +-  \(2,048 have no value before, 40 after\)\n", text)


def test_where_every_view_has_a_value_nothing_is_said_of_it(story):
    assert "no value" not in read(write_report(story))
    assert "value" not in table_text(story.summary)


def test_the_picture_for_a_readme_is_drawn_all_the_same(story):
    assert readme_picture(with_holes(story)).startswith(b"\x89PNG")


@pytest.mark.parametrize("value", [NAN, None, -math.inf])
def test_the_page_of_a_sweep_shows_a_dash(value):
    story = make_sweep()
    first, *others = (dataclasses.replace(trial, reason=None) for trial in story.trials)
    gains = dict.fromkeys(first.gains, value)
    broken = SweepTrial(
        number=0, fate="failed", settings=first.settings, gains=gains, reason="not a number", minutes=NAN
    )
    text = read(write_sweep_report(dataclasses.replace(story, trials=[broken, *others])))
    assert not NOT_A_NUMBER.search(text.replace("not a number", ""))
    assert "not a number" in text


@pytest.mark.skipif(bool(missing()), reason=missing() or "found")
def test_a_browser_draws_the_page_without_a_complaint(story, tmp_path):
    file = tmp_path / "index.html"
    nothing = dataclasses.replace(story.survey, after_mm=np.full(len(story.survey), np.nan))
    with Browser() as window:
        for told in (with_holes(story), dataclasses.replace(story, survey=nothing)):
            file.write_bytes(write_report(told))
            window.open(file)
            assert [entry for entry in window.log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
            assert window.run("return document.querySelectorAll('#charts svg').length") == 4
