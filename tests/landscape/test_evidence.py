"""Statistics add up the same for any number of workers; the evidence chooses well; an exact GP agrees."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Hyperparameter, Kernel, WhiteKernel
from threadpoolctl import threadpool_limits

from share_dist.camera import CAMERA_FACTORS
from share_dist.errors import BadSetting
from share_dist.geometry import direction_from_angles
from share_dist.landscape import LandscapeConfig, block_statistics, fit_landscape, make_basis, total
from share_dist.landscape.evidence import _objective, best_prior, prior_variances
from share_dist.landscape.fit import survey_statistics
from share_dist.landscape.rows import survey_rows

EVEN = LandscapeConfig(uneven_noise=False)
DIRECTION_ONLY = CAMERA_FACTORS[:1]


def shard_statistics(table, basis, workers):
    """Blocks dealt out to workers, each handing in its own in an order of its own."""
    rows = survey_rows(table, "mpjpe_mm")
    blocks = list(rows.ranges())
    delivered = []
    for worker in range(workers):
        for number, part in reversed(blocks[worker::workers]):
            points = basis.points({name: values[part] for name, values in rows.columns.items()})
            delivered.append(block_statistics(number, basis.design(points), rows.heights[part]))
    return total(delivered)


def test_one_worker_and_sixteen_deliver_the_same_bits(invent):
    table, basis = invent(4500), make_basis(CAMERA_FACTORS[:2], EVEN, 120)
    one, sixteen = shard_statistics(table, basis, 1), shard_statistics(table, basis, 16)
    for name in ("gram", "moment", "square", "count", "log_weight"):
        assert np.array_equal(getattr(one, name), getattr(sixteen, name)), name
    assert one.count == 4500


def test_the_order_of_rows_and_the_threads_of_the_machine_do_not_matter(invent):
    table, basis = invent(600), make_basis(CAMERA_FACTORS[:2], EVEN, 120)
    with threadpool_limits(1):
        one = survey_statistics(survey_rows(table, "mpjpe_mm"), basis, lambda part: np.ones(part.stop - part.start))
    with threadpool_limits(2):
        other = survey_statistics(survey_rows(table, "mpjpe_mm"), basis, lambda p: np.ones(p.stop - p.start))
    assert np.array_equal(one.gram, other.gram)
    order = np.random.default_rng(0).permutation(600)
    shuffled = {name: values[order] for name, values in table.items()}
    fitted, again = fit_landscape(table, EVEN), fit_landscape(shuffled, EVEN)
    assert np.array_equal(fitted.posterior.coefficients, again.posterior.coefficients)
    assert np.array_equal(fitted.mean(table), again.mean(table))
    assert np.array_equal(fitted.deviation(table), again.deviation(table))


def test_a_block_given_twice_is_refused(invent):
    table, basis = invent(256), make_basis(DIRECTION_ONLY, EVEN, 20)
    block = shard_statistics(table, basis, 1)
    with pytest.raises(BadSetting, match=r"Blocks \[0\] were given more than once"):
        total([block, block])
    with pytest.raises(BadSetting, match="at least one block"):
        total([])


def test_the_slope_of_the_evidence_is_its_difference_quotient(invent):
    basis = make_basis(CAMERA_FACTORS[:2], EVEN, 100)
    statistics = shard_statistics(invent(600), basis, 1)
    arguments = (statistics, basis.eigenvalues, basis.dimension, 1.5)
    theta = np.array([0.7, -0.3, 0.4])
    _, slope = _objective(theta, *arguments)
    for i in range(3):
        step = np.eye(3)[i] * 1e-5
        ahead, back = _objective(theta + step, *arguments)[0], _objective(theta - step, *arguments)[0]
        assert slope[i] == pytest.approx((ahead - back) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("noise_mm", [3.0, 30.0])
def test_the_evidence_finds_the_noise(invent, noise_mm):
    landscape = fit_landscape(invent(2000, noise_mm=noise_mm), EVEN)
    # The standard error of a standard deviation from 2,000 views is 1.6 %; the fit itself takes some freedom.
    assert landscape.prior.noise_sd == pytest.approx(noise_mm, rel=0.06)


def test_noise_alone_is_seen_as_noise(invent):
    flat = invent(2000, noise_mm=20.0, truth=lambda table: np.full(len(table["azimuth_deg"]), 100.0))
    landscape = fit_landscape(flat, EVEN)
    assert np.std(landscape.mean(flat)) < 2.0
    assert landscape.prior.noise_sd == pytest.approx(20.0, rel=0.06)


def test_a_rough_truth_gets_a_shorter_length_than_a_smooth_one(invent):
    def ripples(table):
        u = direction_from_angles(np.radians(table["azimuth_deg"]), np.radians(table["elevation_deg"]))
        return 100 + 30 * np.sin(6 * u[:, 0]) * np.cos(5 * u[:, 1])

    smooth = fit_landscape(invent(1500, noise_mm=5.0), EVEN, DIRECTION_ONLY)
    rough = fit_landscape(invent(1500, noise_mm=5.0, truth=ripples), EVEN, DIRECTION_ONLY)
    assert rough.prior.lengths[0] < 0.5 * smooth.prior.lengths[0]


class SpectralKernel(Kernel):
    """The prior covariance that a basis and its prior imply, for scikit-learn's exact Gaussian process."""

    def __init__(self, basis, variances):
        self.basis, self.variances = basis, variances

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        return []

    def __call__(self, X, Y=None, eval_gradient=False):
        left = self.basis.design(X)
        right = left if Y is None else self.basis.design(Y)
        return (left * self.variances) @ right.T

    def diag(self, X):
        return (np.square(self.basis.design(X)) * self.variances).sum(axis=1)

    def is_stationary(self):
        return False


def test_mean_and_deviation_are_those_of_an_exact_gaussian_process(invent):
    table, elsewhere = invent(300, noise_mm=8.0), invent(200, seed=5)
    landscape = fit_landscape(table, EVEN)
    basis, prior = landscape.basis, landscape.prior
    variances = prior_variances(basis.eigenvalues, basis.dimension, prior.smoothness, np.array(prior.lengths))
    variances = variances * prior.ratio * prior.noise_sd**2
    variances[0] = 1e6  # the landscape leaves its constant free; (1 m)² is free enough against errors of cm
    exact = GaussianProcessRegressor(SpectralKernel(basis, variances), alpha=prior.noise_sd**2, optimizer=None)
    exact.fit(landscape.points(table), table["mpjpe_mm"])
    mean, deviation = exact.predict(landscape.points(elsewhere), return_std=True)
    np.testing.assert_allclose(landscape.mean(elsewhere), mean, atol=0.01)
    np.testing.assert_allclose(landscape.deviation(elsewhere), deviation, rtol=1e-3)


@pytest.mark.slow
def test_it_foretells_as_well_as_an_exact_process_with_a_kernel_of_its_own(invent):
    """Another covariance (squared exponential on chords), its settings fitted by scikit-learn: the same quality."""
    table, elsewhere = invent(400, noise_mm=8.0), invent(500, seed=5)
    landscape = fit_landscape(table, EVEN, DIRECTION_ONLY)
    kernel = ConstantKernel(400.0, (1.0, 1e6)) * RBF(0.7, (0.05, 20.0)) + WhiteKernel(60.0, (1.0, 1e4))
    exact = GaussianProcessRegressor(kernel, normalize_y=False)
    mean = table["mpjpe_mm"].mean()
    exact.fit(landscape.basis.embedded(landscape.points(table)), table["mpjpe_mm"] - mean)
    theirs = exact.predict(landscape.basis.embedded(landscape.points(elsewhere))) + mean
    ours = landscape.mean(elsewhere)
    rmse = [float(np.sqrt(np.mean((foretold - elsewhere["truth_mm"]) ** 2))) for foretold in (ours, theirs)]
    assert rmse[0] <= 1.05 * rmse[1]


def test_a_basis_of_the_constant_alone_is_the_mean(invent):
    table = invent(300)
    basis = make_basis(DIRECTION_ONLY, EVEN, 3)
    assert len(basis.terms) == 1
    statistics = shard_statistics(table, basis, 1)
    prior = best_prior(statistics, basis.eigenvalues, basis.dimension, (1.5,))
    assert prior.noise_sd == pytest.approx(np.std(table["mpjpe_mm"], ddof=1))
