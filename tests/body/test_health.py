"""The doctor's questions about the body."""

from __future__ import annotations

import numpy as np

from share_dist.body import BodyConfig, check, smpl_arrays


def test_the_built_in_figure_is_well():
    findings = check()
    assert [finding.name for finding in findings] == ["body", "posing"]
    assert all(finding.ok for finding in findings), findings


def test_an_empty_folder_is_a_finding_with_a_remedy(tmp_path):
    (finding,) = check(BodyConfig(folder=tmp_path))
    assert not finding.ok
    assert "SMPL_NEUTRAL.npz" in finding.remedy


def test_the_file_that_was_found_is_named(figure, tmp_path):
    (tmp_path / "smpl").mkdir()
    np.savez(tmp_path / "smpl/SMPL_NEUTRAL.npz", **smpl_arrays(figure))
    body, posing = check(BodyConfig(folder=tmp_path))
    assert str(tmp_path / "smpl/SMPL_NEUTRAL.npz") in body.detail
    assert posing.ok
