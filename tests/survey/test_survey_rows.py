"""A row says what the view was and how wrong the model is, whoever computes it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from share_dist.camera import CAMERA_TABLE_COLUMNS, camera_columns
from share_dist.errors import BadSetting, NetworkFailed
from share_dist.losses import truth_from_records
from share_dist.metrics import error_columns
from share_dist.models import predict
from share_dist.scene import factor_columns
from share_dist.survey import ERROR_COLUMNS, SurveyConfig, block_ranges, error_rows, evaluate_block


def test_a_row_holds_the_view_as_the_plan_has_it(survey, plan, figure):
    view = plan.view(261, figure)
    assert survey["view_number"].tolist() == list(range(300))
    assert survey["split"][261] == "steer"
    assert survey["family"][261] == view.person.family
    assert survey["elevation_deg"][261] == pytest.approx(math.degrees(view.camera.elevation_rad))
    assert survey["distance_m"][261] == view.camera.distance_m
    assert survey["background_kind"][261] == view.scene.background.kind
    assert survey["light_strength"][261] == view.scene.light.strength
    assert survey["occluders"][261] == len(view.scene.occluders)
    assert set(CAMERA_TABLE_COLUMNS) | set(ERROR_COLUMNS) <= set(survey.columns)


def test_the_camera_room_reads_a_survey(survey, plan, figure):
    cameras = [view.camera for view in plan.views(range(300), figure)]
    np.testing.assert_allclose(camera_columns(survey.columns), camera_columns(cameras), atol=1e-12)


def test_errors_are_those_of_the_metrics_room(survey, model, plan, renderer, layer, figure):
    records = renderer.records(plan.views(range(256, 300), figure))
    direct = error_columns(predict(model, records.image, "fp32"), truth_from_records(records), layer)
    for name in ERROR_COLUMNS:
        np.testing.assert_allclose(survey[name][256:], direct[name], rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_rows_are_the_same_bits_however_many_threads_there_are(model, plan, renderer, layer, figure):
    records = renderer.records(plan.views(range(100), figure))
    before = torch.get_num_threads()
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows.append(error_rows(model, layer, records))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    for name in ERROR_COLUMNS:
        np.testing.assert_array_equal(rows[0][name], rows[1][name])


class Failing(torch.nn.Module):
    """A network that answers what no body can be made of, once: for one picture of one batch."""

    def __init__(self, network, part, value, batch, row):
        super().__init__()
        self.network, self.part, self.value, self.batch, self.row = network, part, value, batch, row
        self.calls = 0

    def forward(self, image, keys=None):
        answer = {name: part.clone() for name, part in self.network(image, keys)._asdict().items()}
        if self.calls == self.batch:
            answer[self.part][self.row :: 7] = self.value
        self.calls += 1
        return type(self.network(image, keys))(**answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("pose", math.nan, "NaN or infinity for view {}: its pose is not finite"),
        ("betas", math.inf, "NaN or infinity for view {}: its betas is not finite"),
        ("camera", -math.inf, "NaN or infinity for view {}: its camera is not finite"),
        # Infinite joints: some builds of LAPACK refuse to align them, others align them to NaN.
        ("pose", 1e30, "NaN or infinity for view {}: its (body|mpjpe_mm) is not finite"),
        # What six numbers become whose length overflows.
        ("pose", 0.0, "no pose for view {}: the numbers of its rotations are too large, or all zero"),
    ],
)
def test_a_network_that_answers_no_number_is_stopped_at_its_first_bad_view(
    model, plan, renderer, layer, part, value, said
):
    failing = Failing(model, part, value, batch=1, row=11)
    with pytest.raises(NetworkFailed, match=f"answers {said.format(64 + 11)}"):
        error_rows(failing, layer, renderer.records(plan.views(range(128), renderer.body)))


def test_a_block_is_its_factors_and_its_errors(survey, model, plan, renderer, layer, figure):
    views = plan.views(range(256, 300), figure)
    rows = evaluate_block(model, layer, renderer.records(views), views)
    assert list(rows) == [*factor_columns(views), *ERROR_COLUMNS]
    for name, values in survey.block(1).columns.items():
        np.testing.assert_array_equal(rows[name], values, err_msg=name)


def test_blocks_cover_every_view_once():
    assert block_ranges(600) == [range(0, 256), range(256, 512), range(512, 600)]
    assert block_ranges(256) == [range(0, 256)]


@pytest.mark.parametrize("count", [0, -5])
def test_a_survey_of_nothing_is_refused(count):
    with pytest.raises(BadSetting, match="at least 1"):
        block_ranges(count)
    with pytest.raises(BadSetting, match=r"survey\.steer-views"):
        SurveyConfig(steer_views=count)
