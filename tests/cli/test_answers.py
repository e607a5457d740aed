"""What commands say and how they end when they did their work."""

from __future__ import annotations

import pytest

from share_dist import errors
from share_dist.cli import main
from share_dist.cli.commands import COMMANDS
from share_dist.loop.survey import survey_table


@pytest.mark.parametrize(("error", "status"), [(errors.RepairFailed, 3), (errors.OtherRun, 2), (errors.BadSetting, 2)])
def test_a_repair_that_failed_ends_otherwise_than_a_command_that_was_refused(monkeypatch, capsys, error, status):
    def end(words):
        raise error("so it is")

    monkeypatch.setitem(COMMANDS, "share", end)
    assert main(["share", "demo"]) == status
    assert f"{error.__name__}: so it is" in capsys.readouterr().err


def test_help_names_the_exit_statuses(capsys):
    main(["--help"])
    assert "3 no round accepted" in capsys.readouterr().out


def test_the_table_of_a_survey_names_the_cameras_over_which_variance_is_shared():
    means = {"mpjpe_mm": 200.0, "pa_mpjpe_mm": 100.0, "pve_mm": 220.0, "root_error_deg": 20.0, "flip_share": 0.01}
    figures = means | {"by_elevation": []}
    shares = {"direction": 0.41, "distance": -0.02, "direction × distance": 0.001, "not the camera": 0.609}
    said = survey_table({"all_cameras": figures}, shares, "all_cameras", [], None)
    assert "what a single view's error depends on, over the cameras of all_cameras:" in said
    assert "-2.0 %" in said, "a part that works against others is shown"
    assert "direction × distance" not in said, "nothing is said of what is nearly nothing"


def test_the_table_of_a_survey_says_how_many_views_have_no_value():
    means = {"mpjpe_mm": 200.0, "pa_mpjpe_mm": 100.0, "pve_mm": None, "root_error_deg": None, "flip_share": None}
    figures = means | {"by_elevation": [], "views": 2048, "without_value": {"mpjpe_mm": 3, "pve_mm": 2048}}
    said = survey_table({"all_cameras": figures}, {}, "all_cameras", [], None)
    assert "3 of 2,048 all_cameras views have no mpjpe_mm\n2,048 of 2,048 all_cameras views have no pve_mm\n" in said
    assert "where the network’s answer there, or the truth, is no finite number; means are over the other" in said
    same = {**figures, "without_value": dict.fromkeys(("mpjpe_mm", "pve_mm"), 3)}
    said_once = survey_table({"all_cameras": same}, {}, "all_cameras", [], None)
    assert "3 of 2,048 all_cameras views have no value\n" in said_once
    assert "  200.0 mm  100.0 mm      - mm      - °     - %" in said
    whole = survey_table({"all_cameras": {**figures, "without_value": {"mpjpe_mm": 0}}}, {}, "all_cameras", [], None)
    assert "have no" not in whole
