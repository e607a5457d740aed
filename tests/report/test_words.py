from __future__ import annotations

import copy
import math

import pytest
from invented import summary

from share_dist.report import table_text
from share_dist.report.gallery import camera_text
from share_dist.report.tables import verdict
from share_dist.report.words import FIGURES, headline, is_number, second_line, written_change

FLIPS = next(figure for figure in FIGURES if figure.key == "flip_share")
PCK = next(figure for figure in FIGURES if figure.key == "pck150")


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u2212", "-")


def test_the_headline_gives_the_true_numbers():
    assert plain(headline(summary(), True)).endswith("mean error fell from 131 mm to 92 mm (-30 %).")


def test_the_second_line_names_both_worst_tenths_and_everyday():
    line = plain(second_line(summary()))
    assert "253 → 149 mm (-41 %)" in line
    assert "240 → 151 mm (-37 %)" in line
    assert "everyday views, 71 → 72 mm (+1.3 %)" in line


def test_a_worse_model_is_not_called_better():
    worse = summary()
    worse["before"], worse["after"] = worse["after"], worse["before"]
    assert "rose from 92 mm to 131 mm (+42 %)" in plain(headline(worse, True))


def test_without_an_accepted_round_the_headline_says_failed():
    text = headline(summary(), False)
    assert text.startswith("FAILED: no round was accepted")
    assert "fell" not in text


@pytest.mark.parametrize("broken", [{}, {"before": None}, {"before": {"all_cameras": {"mpjpe_mm": math.nan}}}])
def test_missing_or_nan_figures_are_no_numbers(broken):
    assert "nan" not in headline(broken, True).lower()
    assert second_line(broken) == ""
    assert "No figures" in table_text(broken)


def test_shares_change_in_points_and_the_rest_in_per_cent():
    assert plain(written_change(0.052, 0.037, FLIPS)) == "-1.5 points"
    assert plain(written_change(100.0, 101.2)) == "+1.2 %"
    assert plain(written_change(100.0, 69.6)) == "-30 %"
    assert plain(written_change(100.0, 99.999)) == "0.0 %"
    assert plain(written_change(0.0, 3.0)) == "–"


def test_better_means_less_error_but_more_correct_joints():
    assert verdict(100.0, 90.0) == "better"
    assert verdict(0.80, 0.90, PCK) == "better"
    assert verdict(0.80, 0.70, PCK) == "worse"
    assert verdict(71.0, 71.01) == "same"


def test_the_terminal_table_is_aligned_and_plain():
    lines = table_text(summary()).splitlines()
    table = [line for line in lines[:-1] if line.startswith("  ")]
    assert len({len(line) for line in table}) == 1
    assert "-30 %" in table[1]
    assert lines[-1] == "1 of 1 rounds accepted in 1 try"
    assert all(ord(letter) < 256 for line in lines for letter in line)


def test_the_terminal_table_says_when_a_run_failed():
    assert table_text(summary(accepted=False)).endswith("FAILED: no round was accepted in 1 try")


def test_the_terminal_table_counts_rounds_and_not_their_tries():
    tries = [(0, False), (0, False), (0, True), (1, False), (1, False), (1, True), (2, False)]
    run = summary() | {"rounds": [{"round": index, "accepted": accepted} for index, accepted in tries]}
    assert table_text(run).endswith("2 of 3 rounds accepted in 7 tries")


def test_a_figure_that_only_one_model_has_is_shown_with_a_dash():
    half = copy.deepcopy(summary())
    del half["after"]["everyday"]["pve_mm"]
    row = next(line for line in table_text(half).split("everyday")[1].splitlines() if "PVE" in line)
    assert row.split()[-1] == "-"


def test_true_is_not_the_number_one():
    assert not is_number(True)
    assert not is_number("3")
    assert is_number(3)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [(0, 0, "in front"), (180, 3, "behind"), (90, 40, "above, their left"), (-90, -30, "below, their right"),
     (271, 80, "straight above, their right")],
)  # fmt: skip
def test_a_camera_is_put_in_words(azimuth, elevation, words):
    assert camera_text(azimuth, elevation, 2.0).startswith(words + ":")
