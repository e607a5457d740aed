from __future__ import annotations

import dataclasses
import html
import math
import re

import pytest
from browser import Browser, missing
from invented_sweep import DEFAULTS, EVERYDAY, FIGURES, SPACE, WORST, make_sweep
from test_page import Tags

from share_dist.report import Importance, Repeat, SweepStory, SweepTrial, write_sweep_report
from share_dist.report.svg import Axis, robust_axis
from share_dist.report.sweep_repeats import compared, t_half_width

SECTIONS = ["best", "repeats", "search", "importance", "lines", "trials", "facts"]


@pytest.fixture(scope="module")
def sweep() -> SweepStory:
    return make_sweep()


@pytest.fixture(scope="module")
def text(sweep) -> str:
    return words_of(write_sweep_report(sweep))


def words_of(page: bytes) -> str:
    """What a reader reads: no styles, scripts and tags."""
    body = re.sub(r"<(style|script)\b.*?</\1>", "", page.decode(), flags=re.S)
    return html.unescape(re.sub(r"<[^>]*>", "", body)).replace("\u202f", " ")


def a_trial(number: int, worst: float, everyday: float = 0.0, fate: str = "done") -> SweepTrial:
    return SweepTrial(number=number, fate=fate, settings=DEFAULTS, gains={WORST: worst, EVERYDAY: everyday})


def a_story(*trials: SweepTrial, best: int | None = None) -> SweepStory:
    return SweepStory(
        title="", recipe="demo", figures=FIGURES, space=SPACE, defaults=DEFAULTS, trials=trials, best=best
    )


def headline_of(story: SweepStory) -> str:
    found = re.search(r"<h1>(.*?)</h1>", write_sweep_report(story).decode())
    assert found
    return html.unescape(found[1]).replace("\u202f", " ")


def marks(page: bytes, kind: str) -> list[tuple[float, float, int]]:
    """Places in per cent, across and down, of the marks of a kind with their trials, chart after chart."""
    pattern = rf"<svg x='([\d.]+)%' y='([\d.]+)%'><g class='mark {kind}[^']*' data-trial='(\d+)'>"
    return [(float(x), float(y), int(trial)) for x, y, trial in re.findall(pattern, page.decode())]


def test_a_full_sweep_shows_every_section_in_reading_order(sweep):
    ids = Tags(write_sweep_report(sweep)).ids
    assert [name for name in ids if name in SECTIONS] == SECTIONS


def test_the_headline_compares_the_best_settings_with_the_default_ones():
    story = a_story(a_trial(0, 24.0), a_trial(1, 31.24, everyday=-0.4), best=1)
    wanted = "The best settings found lower the worst tenth error by 31.2 %, the default ones by 24.0 %."
    assert headline_of(story) == wanted


def test_where_repeats_chose_the_best_their_means_are_told_and_not_the_lucky_first_figures():
    means = {0: {WORST: 24.0, EVERYDAY: -0.5}, 1: {WORST: 26.0, EVERYDAY: -0.2}}
    story = a_story(a_trial(0, 30.0), a_trial(1, 29.0), best=1)
    story = dataclasses.replace(story, deciding_seeds=[8, 9, 10], means=means)
    wanted = "The best settings found lower the worst tenth error by 26.0 %, the default ones by 24.0 %."
    assert headline_of(story) == wanted
    page = words_of(write_sweep_report(story))
    assert "Everyday error: +0.2 % (+0.5 % with the default). Means over 3 seeds that the search did not use." in page
    assert "−2.0 points" in page


@pytest.mark.parametrize(
    ("trials", "best", "wanted"),
    [
        ([a_trial(0, -2.0), a_trial(1, 3.0)], 1, "lower the worst tenth error by 3.0 %; the default ones raise it by"),
        ([a_trial(0, 5.0), a_trial(1, 3.0)], 0, "Nothing better was found than the default settings, which lower"),
        ([a_trial(1, 3.0)], 1, "The best settings found lower the worst tenth error by 3.0 %."),
        ([a_trial(0, math.nan), a_trial(1, 0.01)], 1, "The best settings found leave the worst tenth error as it was."),
        ([a_trial(1, math.nan)], 1, "Trial 1 is the best, but its figures are missing."),
        ([a_trial(0, 1.0, fate="running")], None, "No trial is finished yet: 1 running."),
        ([a_trial(0, 1.0)], None, "No trial can be called the best yet: 1 done."),
        ([], None, "No trial was made yet."),
    ],
)
def test_the_headline_stays_true_when_something_is_missing(trials, best, wanted):
    assert wanted in headline_of(a_story(*trials, best=best))


def test_it_says_that_steer_views_choose_and_are_no_results(text):
    assert "seen on steer views: they choose settings, they are not results" in text


def test_gains_are_written_as_errors_that_go_down():
    page = words_of(write_sweep_report(a_story(a_trial(0, 24.0), a_trial(1, 31.0, everyday=-0.4), best=1)))
    assert "Everyday error: +0.4 % (0.0 % with the default)" in page
    assert "−31.0 % best" in page
    assert "−7.0 points" in page


def test_only_failed_trials_still_make_a_page_that_says_why():
    failed = [SweepTrial(number=n, fate="failed", settings=DEFAULTS, reason="the loss is nan") for n in range(3)]
    page = write_sweep_report(a_story(*failed))
    assert b'<body class="failed">' in page
    assert "No trial was finished: 3 failed." in words_of(page)
    assert words_of(page).count("the loss is nan") == 3
    assert not {"search", "lines", "repeats"} & set(Tags(page).ids)


def test_gains_that_are_missing_or_no_numbers_break_nothing(sweep):
    def hurt(trial: SweepTrial) -> SweepTrial:
        gains = [trial.gains, {WORST: math.nan, EVERYDAY: math.inf}, {WORST: 30.0}, {}][trial.number % 4]
        return dataclasses.replace(trial, gains=gains, minutes=None)

    hurt_repeat = Repeat(number=0, gains={0: {WORST: math.nan}, 1: {}})
    weights = {WORST: [Importance(setting="rome.quantile", mean=math.nan, low=math.nan, high=math.nan)]}
    page = write_sweep_report(
        dataclasses.replace(
            sweep, trials=[hurt(trial) for trial in sweep.trials], repeats=[hurt_repeat], importances=weights
        )
    )
    assert not re.search(r"\b(nan|inf)\b", words_of(page).replace("the loss is nan", ""))
    assert "nan%" not in page.decode()


def test_no_text_of_a_sweep_can_become_markup(sweep):
    evil = "</title></pre><script>alert(1)</script><img src=x onerror='alert(2)'>\"' {{sections}}"
    trial = dataclasses.replace(sweep.trials[1], fate=evil, settings={evil: evil}, reason=evil)
    page = write_sweep_report(
        dataclasses.replace(
            sweep,
            title=evil, recipe=evil, figures={WORST: evil, EVERYDAY: evil}, space={evil: evil, "rome.method": evil},
            defaults={evil: evil}, trials=[sweep.trials[0], trial, *sweep.trials[2:]], rule=evil,
            importances={WORST: [Importance(setting=evil, mean=0.5, low=0.4, high=0.6)]},
            commands={evil: evil}, facts={evil: evil},
        )
    )  # fmt: skip
    tags = Tags(page)
    assert tags.names.count("script") == 1
    assert "img" not in tags.names
    assert not [name for _, name, _ in tags.attributes if name.startswith("on")]
    assert words_of(page).count("{{sections}}") > 10  # shown as written, not filled in


def test_the_page_can_load_nothing_from_anywhere(sweep):
    page = write_sweep_report(sweep)
    loads = [value for _, name, value in Tags(page).attributes if name in ("src", "href", "action", "srcset")]
    assert loads == ["data:,"]
    assert b"default-src 'none'" in page
    assert b"@import" not in page
    assert b"url(" not in page


def test_the_same_sweep_gives_the_same_bytes(sweep):
    assert write_sweep_report(sweep) == write_sweep_report(make_sweep())


def test_commands_can_be_pasted_as_they_were_given(sweep, text):
    for words, line in sweep.commands.items():
        assert words in text
        assert line in text


def test_the_best_settings_stand_beside_the_default_ones_and_what_was_searched(sweep):
    rows = re.findall(r"<tr>(<th scope='row'>.*?)</tr>", write_sweep_report(sweep).decode())
    cells = [[html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.split("</t[hd]>", row)[:-1]] for row in rows]
    own = sweep.trials[sweep.best].settings
    assert ["share.rounds", "1 to 3", "2", str(own["share.rounds"])] in cells
    assert ["rome.greedy_share", SPACE["rome.greedy_share"], "not asked", "not asked"] in cells


def test_every_trial_stands_in_the_table_with_its_fate(sweep, text):
    page = write_sweep_report(sweep).decode()
    assert [int(n) for n in re.findall(r"<tr class='\w*' data-trial='(\d+)'>", page)] == list(range(40))
    assert "ended early after 50 % of its views" in text
    assert "TrainingDiverged: the loss is nan at step 40." in text


def test_each_trial_with_a_figure_has_its_mark_in_both_charts_and_failures_lie_at_the_lower_edge(sweep):
    page = write_sweep_report(sweep)
    early = [trial.number for trial in sweep.trials if trial.fate == "ended early"]
    assert [trial for *_, trial in marks(page, "early")] == early * 2
    assert [(y, trial) for _, y, trial in marks(page, "failed")] == [(100.0, 9), (100.0, 23)]
    assert [trial for *_, trial in marks(page, "best")] == [sweep.best] * 2
    assert [trial for *_, trial in marks(page, "default")] == [0, 0]


def test_in_the_history_less_error_stands_higher():
    page = write_sweep_report(a_story(a_trial(0, 20.0), a_trial(1, 25.0), a_trial(2, 30.0), best=2))
    (x0, low, _), (x1, middle, _), (x2, high, _) = [marks(page, kind)[0] for kind in ("default", "done", "best")]
    assert x0 < x1 < x2
    assert low > middle > high
    assert low - middle == pytest.approx(middle - high, abs=0.02)


def test_one_very_bad_trial_does_not_squeeze_the_others_together(sweep):
    page = write_sweep_report(sweep)
    heights = {trial: y for _, y, trial in marks(page, "done")[:30]}
    assert heights.pop(17) == 100.0
    assert max(heights.values()) - min(heights.values()) > 60
    assert "One trial lies beyond the edge" in words_of(page)


def test_the_front_is_connected_only_where_two_figures_are_all_there_are(sweep):
    three = {**FIGURES, "all_cameras_gain_percent": "all cameras"}
    # As many lines as trials: one fewer between them, and one in the legend.
    assert write_sweep_report(sweep).count(b"class='front'") == len(sweep.front)
    assert b"class='front'" not in write_sweep_report(dataclasses.replace(sweep, figures=three))
    one = words_of(write_sweep_report(dataclasses.replace(sweep, figures={WORST: "worst tenth"})))
    assert "error against" not in one


def test_a_setting_that_was_not_asked_leaves_a_notch_and_says_of_how_many(sweep, text):
    done = [trial for trial in sweep.trials if trial.fate == "done"]
    without = sum("rome.greedy_share" not in trial.settings for trial in done)
    assert f"rome · {without} not asked" in text


def test_without_importances_a_sentence_says_why(sweep):
    page = words_of(write_sweep_report(dataclasses.replace(sweep, importances={})))
    assert "There are too few finished trials to say." in page


def test_a_repeat_is_compared_with_the_default_seed_by_seed():
    default = Repeat(number=0, gains={0: {WORST: 20.0}, 1: {WORST: 26.0}, 2: {WORST: 23.0}})
    better = Repeat(number=4, gains={0: {WORST: 25.0}, 1: {WORST: 30.0}, 2: {WORST: 29.0}, 3: {WORST: 10.0}})
    found = compared(better, default, WORST)
    # Differences 5, 4 and 6: mean 5, deviation 1, and t(0.975) = 4.303 at two degrees of freedom.
    assert found.words.replace("\u202f", " ") == "−5.0 points (−7.5 to −2.5)"
    assert found.sense == "better"
    assert found.mean == pytest.approx(23.5)
    assert t_half_width([5.0, 4.0, 6.0]) == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)


def test_one_seed_gives_a_difference_without_an_interval_and_without_a_verdict():
    default, other = (Repeat(number=n, gains={7: {WORST: 20.0 + n}}) for n in (0, 1))
    found = compared(other, default, WORST)
    assert found.words.replace("\u202f", " ") == "−1.0 points, one seed only"
    assert found.sense == "same"


@pytest.mark.parametrize(("low", "high"), [(-3.0, 42.0), (0.0, 0.04), (10.0, 10.2), (0, 199)])
def test_ticks_are_few_evenly_spaced_and_inside(low, high):
    ticks = Axis(low, high).ticks()
    assert 2 <= len(ticks) <= 7
    assert low <= ticks[0] + 1e-9
    assert ticks[-1] <= high + 1e-9
    steps = [b - a for a, b in zip(ticks, ticks[1:], strict=False)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_an_axis_by_factors_puts_the_geometric_middle_in_the_middle():
    assert Axis(0.1, 10.0, log=True).place(1.0) == pytest.approx(0.5)
    assert Axis(0.1, 10.0, log=True).place(0.0) == 0.0
    assert Axis(3.0, 3.0).place(3.0) == 0.5


def test_an_axis_holds_all_but_the_very_bad_and_always_those_it_must():
    assert robust_axis([20.0, 21.0, 22.0, 23.0, -500.0]).low > 0
    assert robust_axis([20.0, 21.0, 22.0, 23.0], always=[-50.0]).low < -50


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=missing() or "found")
def test_in_a_browser_nothing_is_asked_for_everything_shows_and_a_trial_is_found_everywhere(sweep, tmp_path):
    file = tmp_path / "index.html"
    file.write_bytes(write_sweep_report(sweep))
    with Browser() as window:
        window.open(file)
        assert [address.rpartition("/")[2] for address in window.requests()] == ["index.html"]
        heights = window.run("return [...document.querySelectorAll('section')].map((s) => [s.id, s.offsetHeight])")
        assert [name for name, height in heights if height > 100] == SECTIONS

        window.run("document.querySelector('.trials [data-trial=\"5\"] td').click()")
        assert window.run("return [...document.querySelectorAll('.found')].map((e) => e.dataset.trial)") == ["5"] * 4
        paper = "return getComputedStyle(document.body).backgroundColor"
        light = window.run(paper)
        window.run("document.querySelector('#theme').click()")
        assert window.run(paper) != light

        window.devtools("Emulation.setDeviceMetricsOverride", width=375, height=740, deviceScaleFactor=2, mobile=True)
        window.wait("window.innerWidth === 375")
        assert window.run("return document.documentElement.scrollWidth") <= 375
        assert [entry["message"] for entry in window.log("browser")] == []
