"""The landscape as its users see it."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest

from share_dist.camera import CAMERA_FACTORS, Camera, Factor
from share_dist.errors import BadSetting, DamagedFile
from share_dist.landscape import NOT_CAMERA, ROTATION, Landscape, LandscapeConfig, fit_landscape, held_out
from share_dist.landscape.stored import packed
from share_dist.survey import Survey


@pytest.fixture(scope="module")
def survey(invent):
    return invent(2000, noise_mm=10.0)


@pytest.fixture(scope="module")
def landscape(survey):
    return fit_landscape(survey)


def test_it_recovers_a_known_error_function_from_noisy_views(landscape, invent):
    elsewhere = invent(1000, seed=9)
    off = landscape.mean(elsewhere) - elsewhere["truth_mm"]
    # 2,000 views of 10 mm scatter and some forty effective coefficients leave about 10·√(40/2000) = 1.4 mm.
    assert np.sqrt(np.mean(off**2)) < 2.0
    assert np.corrcoef(landscape.mean(elsewhere), elsewhere["truth_mm"])[0, 1] > 0.99


def test_its_uncertainty_is_honest(landscape, invent):
    elsewhere = invent(2000, seed=9)
    off = np.abs(landscape.mean(elsewhere) - elsewhere["truth_mm"])
    assert 0.85 < np.mean(off < 2 * landscape.deviation(elsewhere)) <= 1.0


def test_it_is_less_sure_where_it_saw_less(invent):
    table = invent(3000)
    front = np.abs(table["azimuth_deg"]) < 60
    landscape = fit_landscape({name: values[front] for name, values in table.items()})
    ahead, behind = ({"azimuth_deg": a, "elevation_deg": 0.0, "distance_m": 3.0} for a in (0.0, 180.0))
    assert landscape.deviation(behind)[0] > 3 * landscape.deviation(ahead)[0]


@pytest.mark.parametrize("kappa", [0.0, 0.7])
@pytest.mark.parametrize("factors", [CAMERA_FACTORS[:2], (ROTATION, CAMERA_FACTORS[1])], ids=["sphere", "rotation"])
def test_the_gradient_is_the_difference_quotient(survey, factors, kappa):
    landscape = fit_landscape(survey, LandscapeConfig(max_terms=120, uneven_noise=False), factors)
    points = landscape.points(survey)[:40]
    slopes = landscape.gradient_at(points, kappa)
    step = 1e-4

    def height(sign):
        moved = landscape.basis.moved(points, {name: sign * step * slope for name, slope in unit.items()})
        return landscape.mean_at(moved) - kappa * landscape.deviation_at(moved)

    norm = np.sqrt(sum(np.square(slope).sum(axis=1) for slope in slopes.values()))
    unit = {name: slope / norm[:, None] for name, slope in slopes.items()}
    np.testing.assert_allclose((height(1) - height(-1)) / (2 * step), norm, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pole_deg", [90.0, -90.0])
def test_it_is_one_value_at_a_pole_from_every_side(landscape, pole_deg):
    azimuths = np.linspace(-180, 180, 13)

    def ring(elevation):
        return {"azimuth_deg": azimuths, "elevation_deg": np.full(13, elevation), "distance_m": np.full(13, 3.0)}

    at_pole = landscape.mean(ring(pole_deg))
    np.testing.assert_allclose(at_pole, at_pole[0], atol=1e-9)
    near = landscape.mean(ring(pole_deg * (1 - 1e-6)))
    np.testing.assert_allclose(near, at_pole[0], atol=0.01)


def test_with_roll_it_is_one_value_at_a_pole_for_one_camera(survey):
    landscape = fit_landscape(survey, LandscapeConfig(max_terms=200), (ROTATION,))
    turns = np.linspace(-180, 180, 9)
    for pole in (90.0, -90.0):
        same = {"azimuth_deg": turns, "elevation_deg": np.full(9, pole), "roll_deg": 20 + np.sign(pole) * turns}
        values = landscape.mean(same)
        np.testing.assert_allclose(values, values[0], atol=1e-8)


def test_it_has_no_seam_behind_the_person(landscape):
    both = {"azimuth_deg": np.array([180.0, -180.0]), "elevation_deg": np.zeros(2), "distance_m": np.full(2, 2.0)}
    assert np.ptp(landscape.mean(both)) < 1e-9
    assert np.ptp(landscape.deviation(both)) < 1e-9
    sides = landscape.gradient(both)["direction"]
    np.testing.assert_allclose(sides[0], sides[1], atol=1e-8)


def test_cameras_a_table_and_columns_in_radians_are_the_same_question(landscape):
    camera = Camera(0.3, -0.2, 2.5)
    table = {"azimuth_deg": [np.degrees(0.3)], "elevation_deg": [np.degrees(-0.2)], "distance_m": [2.5]}
    radians = {"azimuth_rad": [0.3], "elevation_rad": [-0.2], "distance_m": [2.5]}
    np.testing.assert_allclose(landscape.mean([camera]), landscape.mean(table))
    np.testing.assert_allclose(landscape.mean([camera]), landscape.mean(radians))


def uneven(table):
    return 5.0 + 30.0 * np.sin(np.radians(table["elevation_deg"])) ** 2


@pytest.mark.slow
def test_noise_that_grows_towards_the_poles_is_found_and_helps(invent):
    table, elsewhere = invent(3000, noise_mm=uneven), invent(1000, seed=7)
    weighted, plain = fit_landscape(table), fit_landscape(table, LandscapeConfig(uneven_noise=False))
    assert weighted.noise is not None
    found, wanted = weighted.noise_sd(elsewhere), uneven(elsewhere)
    assert np.corrcoef(found, wanted)[0, 1] > 0.95
    assert np.mean(found / wanted) == pytest.approx(1.0, abs=0.1)
    assert weighted.prior.log_evidence > plain.prior.log_evidence + 100
    rmse = [np.sqrt(np.mean((one.mean(elsewhere) - elsewhere["truth_mm"]) ** 2)) for one in (weighted, plain)]
    assert rmse[0] < rmse[1]


def test_even_noise_is_left_even(landscape):
    assert landscape.noise is None


@pytest.mark.slow
def test_shares_of_variance_are_those_of_the_function(invent):
    """Under the uniform measure Var(20·cos ε·cos φ) = 400/3 and Var(30·sin²ε) = 80; the valley has its own."""
    table = invent(2500, noise_mm=10.0)
    t = np.linspace(np.log(1.2), np.log(6.0), 100001)
    parts = {"direction": 400 / 3 + 80.0, "distance": np.var(15 * (t - 1) ** 2), NOT_CAMERA: 100.0}
    shares = fit_landscape(table).shares()
    assert sum(shares.values()) == pytest.approx(1.0)
    for name, variance in parts.items():
        assert shares[name] == pytest.approx(variance / sum(parts.values()), abs=0.03), name
    assert shares["direction × distance"] < 0.02


def test_shares_under_the_surveys_own_cameras_agree_when_these_are_uniform(landscape, survey):
    own, uniform = landscape.shares(survey), landscape.shares()
    assert sum(own.values()) == pytest.approx(1.0)
    for name, share in uniform.items():
        assert own[name] == pytest.approx(share, abs=0.02), name


@pytest.mark.slow
def test_any_named_factor_can_join_without_a_special_case(invent):
    table = invent(2000, noise_mm=5.0)
    rng = np.random.default_rng(2)
    table["light_azimuth_deg"], table["clothes"] = rng.uniform(-180, 180, 2000), rng.integers(0, 3, 2000)
    light, clothes = np.radians(table["light_azimuth_deg"]), np.array([0.0, 15.0, -5.0])[table["clothes"]]
    table["mpjpe_mm"] = table["mpjpe_mm"] + 12 * np.cos(light) + clothes
    extra = (Factor("light", "periodic", -3.15, 3.15, ("light_azimuth_rad",)), Factor("clothes", "category", 0, 2))
    shares = fit_landscape(table, factors=(CAMERA_FACTORS[0], *extra)).shares()
    whole = 400 / 3 + 80 + 72 + np.var([0, 15, -5])
    assert shares["light"] / (1 - shares[NOT_CAMERA]) == pytest.approx(72 / whole, abs=0.04)
    assert shares["clothes"] / (1 - shares[NOT_CAMERA]) == pytest.approx(np.var([0, 15, -5]) / whole, abs=0.04)


def test_json_gives_the_same_bits_back(invent):
    table, elsewhere = invent(1500, noise_mm=uneven), invent(200, seed=3)
    landscape = fit_landscape(table)
    back = Landscape.from_json(json.loads(json.dumps(landscape.to_json())))
    for ask in ("mean", "deviation", "noise_sd"):
        assert np.array_equal(getattr(landscape, ask)(elsewhere), getattr(back, ask)(elsewhere)), ask
    assert json.dumps(back.to_json()) == json.dumps(landscape.to_json())


def test_it_remembers_which_model_body_and_plan_it_speaks_of(invent):
    meta = {"model_hash": "m", "body_hash": "b", "plan_hash": "p", "count": 300}
    landscape = fit_landscape(Survey(invent(300), meta))
    assert Landscape.from_json(landscape.to_json()).meta == {"model_hash": "m", "body_hash": "b", "plan_hash": "p"}


def test_a_damaged_landscape_says_so(landscape):
    whole = landscape.to_json()
    for change, words in (
        ({"format": "landscape-v9"}, "its format is 'landscape-v9'"),
        ({"coefficients": whole["coefficients"][:-8]}, "'coefficients' is not|'coefficients' should"),
        ({"covariance_root": "§"}, "not base64"),
        ({"terms": 3}, "it has 3 terms"),
        ({"coefficients": packed(np.full(whole["terms"], np.nan))}, "'coefficients' should hold .* finite numbers"),
        ({"prior": whole["prior"] | {"noise_sd": float("nan")}}, "'prior' is not above 0"),
        ({"prior": whole["prior"] | {"ratio": float("inf")}}, "'prior' is not finite"),
        ({"prior": whole["prior"] | {"lengths": ["long"]}}, "of the wrong type"),
        ({"prior": [1, 2]}, "of the wrong type"),
        ({"noise": {"terms": 1, "coefficients": "", "low": 0.0, "high": 0.0}}, "'noise.coefficients' should hold"),
        ({"config": whole["config"] | {"max_terms": 10**14}}, "max.terms is 100000000000000"),
        ({"config": 5}, "of the wrong type"),
        ({"factors": [[1]]}, "of the wrong type"),
        ({"views": 0}, "'views' is 0"),
    ):
        with pytest.raises(DamagedFile, match=words):
            Landscape.from_json(whole | change)
    del whole["prior"]
    with pytest.raises(DamagedFile, match="a field is missing"):
        Landscape.from_json(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distance_m": 100.0}, "distance_m is 100 m in row 1, but the landscape knows 1.2 to 6 m"),
        ({"distance_m": 0.2}, "distance_m is 0.2 m in row 1"),
        ({"distance_m": 0.0}, "distance_m is 0 m"),
        ({"distance_m": math.nan}, "distance_m is nan m"),
        ({"elevation_deg": 200.0}, "elevation_deg is 200° in row 1, but the landscape knows -90 to 90°"),
        ({"elevation_deg": -math.inf}, "elevation_deg is -inf°"),
        ({"azimuth_deg": 999.0}, "azimuth_deg is 999° in row 1, but the landscape knows -360 to 360°"),
    ],
)
def test_what_a_landscape_does_not_know_is_not_answered_with_its_border(landscape, change, words):
    cameras = {"azimuth_deg": np.zeros(2), "elevation_deg": np.zeros(2), "distance_m": np.full(2, 3.0)}
    for name, value in change.items():
        cameras[name][1] = value
    for ask in (landscape.mean, landscape.deviation, landscape.noise_sd, landscape.gradient, landscape.shares):
        with pytest.raises(BadSetting, match=words):
            ask(cameras)


def test_the_ends_of_what_a_landscape_knows_belong_to_it(landscape):
    ends = {"azimuth_deg": [-180.0, 180.0], "elevation_deg": [-90.0, 90.0], "distance_m": [1.2, 6.0]}
    assert np.isfinite(landscape.mean({name: np.array(values) for name, values in ends.items()})).all()


def test_views_outside_the_factors_are_not_fitted_as_if_they_stood_at_the_border(invent):
    table = invent(300)
    near = table | {"distance_m": table["distance_m"] / 6}
    with pytest.raises(BadSetting, match="the landscape knows 1.2 to 6 m"):
        fit_landscape(near)
    close = Factor("distance", "interval", 0.2, 1.0, ("distance_m",))
    assert fit_landscape(near, factors=(CAMERA_FACTORS[0], close)).views == 300


def test_bad_surveys_say_what_is_wrong(invent):
    table = invent(300)
    with pytest.raises(BadSetting, match="needs at least 32"):
        fit_landscape({name: values[:20] for name, values in table.items()})
    with pytest.raises(BadSetting, match="needs the column 'mpjpe'"):
        fit_landscape(table, column="mpjpe")
    del table["elevation_deg"]
    with pytest.raises(BadSetting, match="needs the column 'elevation_deg'"):
        fit_landscape(table)
    broken = invent(300)
    broken["mpjpe_mm"][17] = np.nan
    with pytest.raises(DamagedFile, match="not a number in 1 of 300 rows, first in row 17"):
        fit_landscape(broken)


@pytest.mark.slow
def test_on_unseen_views_it_beats_the_table_of_neighbours(invent):
    score = held_out(invent(1500), invent(1500, seed=4))
    assert score.r2 > score.neighbours_r2
    assert score.rmse_mm < score.neighbours_rmse_mm
    assert score.rmse_mm == pytest.approx(10.0, rel=0.08)
    assert score.within_90 == pytest.approx(0.9, abs=0.03)


@pytest.mark.slow
def test_it_is_quick(invent):
    """Processor time on one core, so that busy neighbours do not count: 4,000 views fitted, 20,000 cameras asked."""
    table, cameras = invent(4000, noise_mm=uneven), invent(20000, seed=2)
    start = time.thread_time()
    landscape = fit_landscape(table)
    fitted = time.thread_time()
    landscape.mean(cameras), landscape.deviation(cameras)
    asked = time.thread_time()
    assert fitted - start < 2.0
    assert asked - fitted < 0.5
