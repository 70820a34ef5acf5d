"""`fit_points(robust=True)` is not misled by outliers."""

import numpy as np
import pytest

from stn_numba.transform.points import apply_each
from tests.transform.fitting.examples import KINDS, theta_of

SHARES = {"tps": 0.1, "cubic": 0.2}  # of outliers: samples of many points rarely have none


@pytest.mark.parametrize("name", KINDS)
def test_outliers_do_not_move_an_exact_fit(name):
    transform, rng = KINDS[name], np.random.default_rng(0)
    theta, source = theta_of(transform, rng, 2), rng.uniform(-1, 1, (2, 60, 2))
    target = np.array(apply_each(transform, theta, source))
    bad = int(60 * SHARES.get(name, 0.4))
    target[:, :bad] = rng.uniform(-1.5, 1.5, (2, bad, 2))
    fitted = transform.fit_points(source, target, robust=True)
    np.testing.assert_allclose(fitted, theta, atol=1e-9)
    assert np.abs(transform.fit_points(source, target) - theta).max() > 1e-3
    np.testing.assert_array_equal(transform.fit_points(source, target, robust=True), fitted)


@pytest.mark.parametrize("name", ["affine", "projective", "similarity", "swirl"])
def test_with_noise_it_is_nearly_as_exact_as_least_squares_without_outliers(name):
    transform, rng = KINDS[name], np.random.default_rng(1)
    theta, source = theta_of(transform, rng, 1), rng.uniform(-1, 1, (200, 2))
    target = apply_each(transform, theta, source)[0] + rng.normal(0, 0.005, (200, 2))
    clean = transform.fit_points(source[60:], target[60:])
    target[:60] += rng.uniform(0.1, 1, (60, 2))
    probe = rng.uniform(-1, 1, (50, 2))
    robust = transform.apply(transform.fit_points(source, target, robust=True), probe)
    assert np.abs(robust - transform.apply(clean, probe)).max() < 0.002


def test_weights_and_few_points():
    affine, rng = KINDS["affine"], np.random.default_rng(2)
    theta, source = theta_of(affine, rng, 1), rng.uniform(-1, 1, (12, 2))
    target = affine.apply(theta, source)[0].copy()
    target[:7] = rng.uniform(-1, 1, (7, 2))  # more outliers than can be found, but they have no weight
    weights = np.repeat([0.0, 1.0], [7, 5])
    np.testing.assert_allclose(affine.fit_points(source, target, weights, robust=True), theta, atol=1e-9)
    np.testing.assert_allclose(affine.fit_points(source[7:10], target[7:10], robust=True), theta, atol=1e-9)


def test_degenerate_points_are_refused():
    with pytest.raises(ValueError, match="source: all points lie on one line"):
        KINDS["affine"].fit_points(np.linspace([0, 0], [1, 1], 9), np.linspace([0, 0], [1, 1], 9), robust=True)
    with pytest.raises(TypeError, match="robust"):
        KINDS["affine"].fit_points(np.eye(3, 2), np.eye(3, 2), robust="yes")
