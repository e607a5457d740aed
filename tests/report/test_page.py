from __future__ import annotations

import dataclasses
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from invented import summary

from share_dist.report import SphereSample, Story, SurveyRows, write_report
from share_dist.report.drawn import json_for_script


class Tags(HTMLParser):
    """Element names, ids and attributes of a page."""

    def __init__(self, page: bytes):
        super().__init__()
        self.names: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id" and value]


def data_of(page: bytes) -> dict:
    found = re.search(r'<script type="application/json" id="story">(.*?)</script>', page.decode(), flags=re.S)
    assert found
    return json.loads(found[1])


def test_a_full_story_shows_every_section(story):
    ids = Tags(write_report(story)).ids
    sections = ["spheres", "maps", "curves", "regions", "rounds", "gallery", "figures", "run"]
    assert [name for name in ids if name in sections] == sections


def test_a_bare_summary_still_makes_a_page():
    page = write_report(Story(summary=summary()))
    ids = Tags(page).ids
    assert "figures" in ids
    assert not {"spheres", "maps", "curves", "regions", "rounds", "gallery"} & set(ids)


def test_an_empty_summary_makes_a_page_that_says_failed():
    page = write_report(Story(summary={})).decode()
    assert '<body class="failed">' in page
    assert "FAILED: no round was accepted" in page


@pytest.mark.slow
def test_a_run_without_an_accepted_round_says_failed(story):
    refused = [dataclasses.replace(mark, accepted=False) for mark in story.rounds]
    page = write_report(dataclasses.replace(story, rounds=refused, summary=summary(accepted=False))).decode()
    assert "<h1>FAILED" in page
    assert '<p class="second"></p>' in page


@pytest.mark.slow
def test_the_page_can_load_nothing_from_anywhere(story):
    page = write_report(story)
    loads = [(tag, value) for tag, name, value in Tags(page).attributes if name in ("src", "href", "action", "srcset")]
    assert loads
    assert all(value.startswith("data:") for _, value in loads)
    assert b"default-src 'none'" in page
    assert b"@import" not in page
    assert b"url(" not in page.replace(b"url(#", b"")


def test_no_text_of_a_run_can_become_markup(story):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    nasty = summary() | {"versions": {evil: evil}, "body": {"name": evil}, "seed": evil, "seconds": {evil: 3.0}}
    page = write_report(
        dataclasses.replace(
            story,
            title=evil, settings={"a": {evil: [evil, "{{data}}"]}}, summary=nasty, gallery_rule=evil,
            rounds=[dataclasses.replace(story.rounds[0], why=evil, settings={evil: evil})],
            gallery=[dataclasses.replace(story.gallery[0], note=evil)],
        )
    )  # fmt: skip
    tags = Tags(page)
    assert tags.names.count("script") == 2
    assert not [name for _, name, _ in tags.attributes if name == "onerror"]
    assert b"<script>alert" not in page
    assert b"{{data}}" in page  # shown as the user wrote it, not replaced


def test_json_survives_what_json_does_not_know():
    value = {
        "a": math.nan,
        "b": [math.inf, 1.5],
        "c": np.float32("nan"),
        "d": np.arange(2),
        "e": "</script>",
        "f": True,
    }
    text = json_for_script(value)
    assert "<" not in text
    assert json.loads(text) == {"a": None, "b": [None, 1.5], "c": None, "d": [0, 1], "e": "</script>", "f": True}


@pytest.mark.slow
def test_holes_in_the_landscape_and_the_survey_become_null(story):
    mean = story.before.mean_mm.copy()
    mean[story.directions[:, 1] > 0.8] = np.nan
    holes = story.survey.before_mm.copy()
    holes[::3] = np.nan
    data = data_of(
        write_report(
            dataclasses.replace(
                story,
                before=SphereSample(mean_mm=mean, deviation_mm=mean),
                survey=dataclasses.replace(story.survey, before_mm=holes),
            )
        )
    )
    assert data["grid"]["before"][0] is None
    assert None not in data["grid"]["after"]
    assert all(value is not None for value in data["tail"]["before"])


@pytest.mark.slow
def test_the_same_story_gives_the_same_bytes(story):
    assert write_report(story) == write_report(story)


@pytest.mark.slow
def test_the_data_hold_one_scale_for_both_models(story):
    data = data_of(write_report(story))
    reachable = [k for k, share in enumerate(data["grid"]["reachable"]) if share >= 0.9]
    for model in ("before", "after"):
        values = [data["grid"][model][k] for k in reachable]
        assert data["scale"]["low"] <= min(values)
        assert data["scale"]["high"] >= max(values) - 1  # interpolation may overshoot by a hair
    assert data["points"] == 4096


@pytest.mark.slow
def test_24_views_of_256_pixels_stay_below_six_megabytes(story):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    items = [dataclasses.replace(story.gallery[0], picture=noise, mesh_before=noise, mesh_after=noise)] * 24
    assert len(write_report(dataclasses.replace(story, gallery=items))) < 6e6


def test_values_that_do_not_lie_on_the_directions_are_refused(story):
    short = SphereSample(mean_mm=np.zeros(5), deviation_mm=np.zeros(5))
    with pytest.raises(ValueError, match=r"Story\.after\.mean_mm has shape \(5,\).*\(4096,\)"):
        dataclasses.replace(story, after=short)


def test_survey_columns_of_different_lengths_are_refused(story):
    with pytest.raises(ValueError, match="columns of one length"):
        dataclasses.replace(story.survey, after_mm=np.zeros(3))


@pytest.mark.slow
def test_one_view_is_too_few_for_a_curve_but_no_error(story):
    one = SurveyRows(**{name: getattr(story.survey, name)[:1] for name in SurveyRows.__slots__})
    data = data_of(write_report(dataclasses.replace(story, survey=one)))
    assert all(bin is None for curve in data["curves"] for bin in curve["before"])
