"""`fit_points` recovers parameters, and minimizes weighted squares where no parameters fit exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.transform.fitting import linear
from stn_numba.transform.fitting.matrices import linear_form
from stn_numba.transform.points import apply_each
from tests.transform.fitting.examples import KINDS, Similarity, theta_of

EVERY = pytest.mark.parametrize("transform", KINDS.values(), ids=KINDS)


@EVERY
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_20_random_points_recover_theta(transform, seed):
    rng = np.random.default_rng(seed)
    theta, source = theta_of(transform, rng), rng.uniform(-1, 1, (3, 20, 2))
    for points in (source, source[0]):
        fitted = transform.fit_points(points, apply_each(transform, theta, points))
        np.testing.assert_allclose(fitted, theta, atol=1e-9)


@EVERY
def test_one_set_gives_one_row(transform):
    rng = np.random.default_rng(0)
    theta, points = theta_of(transform, rng, 1), rng.uniform(-1, 1, (20, 2))
    fitted = transform.fit_points(points.tolist(), transform.apply(theta, points)[0].tolist())
    assert (fitted.shape, fitted.dtype) == ((1, transform.n_params), np.float64)
    np.testing.assert_allclose(fitted, theta, atol=1e-9)


@EVERY
def test_noisy_points_are_fitted_by_weighted_least_squares(transform):
    """No small change of theta lowers the sum of weighted squares."""
    rng = np.random.default_rng(1)
    theta, source, weights = theta_of(transform, rng, 2), rng.uniform(-1, 1, (30, 2)), rng.uniform(0, 1, (2, 30))
    weights[:, :3] = 0
    target = apply_each(transform, theta, source) + rng.normal(0, 0.02, (2, 30, 2))
    target[:, :3] = 50.0
    fitted = transform.fit_points(source, target, weights)

    def cost(theta):
        return np.sum(weights[..., None] * (apply_each(transform, theta, source) - target) ** 2, axis=(1, 2))

    for _ in range(10):
        direction = 1e-5 * rng.standard_normal(fitted.shape)
        assert (cost(fitted + direction) > cost(fitted)).all()
        change = (cost(fitted + direction) - cost(fitted - direction)) / 2e-5
        np.testing.assert_allclose(change, 0, atol=1e-6)


def test_rows_may_share_source_target_or_weights():
    affine, rng = KINDS["affine"], np.random.default_rng(2)
    a, b, w = rng.uniform(-1, 1, (2, 9, 2)), rng.uniform(-1, 1, (2, 9, 2)), rng.uniform(0.5, 1, (2, 9))
    expected = np.concatenate([affine.fit_points(a[n], b[0], w[1]) for n in range(2)])
    np.testing.assert_allclose(affine.fit_points(a, b[0], w[1]), expected, atol=1e-12)
    expected = np.concatenate([affine.fit_points(a[0], b[0], w[n]) for n in range(2)])
    np.testing.assert_allclose(affine.fit_points(a[0], b[0], w), expected, atol=1e-12)
    spline = stn.get_transform("tps", control_points=(2, 2))
    expected = np.concatenate([spline.fit_points(a[0], b[0], w[n]) for n in range(2)])
    np.testing.assert_allclose(spline.fit_points(a[0], b[0], w), expected, atol=1e-12)


def test_large_rotations_and_scales_are_found():
    rng, transform = np.random.default_rng(3), Similarity()
    theta = np.stack([np.linspace(-3.1, 3.1, 9), rng.uniform(-1.5, 1.5, 9), *rng.uniform(-2, 2, (2, 9))], axis=1)
    points = rng.uniform(-1, 1, (20, 2))
    fitted = transform.fit_points(points, transform.apply(theta, points))
    np.testing.assert_allclose(transform.matrix(fitted), transform.matrix(theta), atol=1e-9)


def test_the_fewest_points_are_enough():
    rng = np.random.default_rng(4)
    for name, count in (("affine", 3), ("projective", 4), ("similarity", 2), ("tps", 16), ("turn", 1)):
        theta, points = theta_of(KINDS[name], rng, 1), rng.uniform(-1, 1, (count, 2))
        fitted = KINDS[name].fit_points(points, KINDS[name].apply(theta, points)[0])
        np.testing.assert_allclose(KINDS[name].apply(fitted, points), KINDS[name].apply(theta, points), atol=1e-9)


def test_small_clusters_and_strong_perspective():
    rng, projective = np.random.default_rng(5), KINDS["projective"]
    theta = np.array([[0.9, 0.2, 0.3, -0.1, 1.1, -0.2, 0.4, 0.35]])
    points = 0.7 + 1e-3 * rng.uniform(-1, 1, (20, 2))
    fitted = projective.fit_points(points, projective.apply(theta, points)[0])
    np.testing.assert_allclose(projective.apply(fitted, points), projective.apply(theta, points), atol=1e-14)
    wide = rng.uniform(-1, 1, (20, 2))
    np.testing.assert_allclose(projective.fit_points(wide, projective.apply(theta, wide)[0]), theta, atol=1e-9)


def test_linear_forms_are_recognized():
    assert linear_form(KINDS["projective"].matrix, KINDS["projective"].identity()).is_full
    form = linear_form(KINDS["attention"].matrix, KINDS["attention"].identity())
    assert form.is_affine
    assert not form.is_full
    assert linear_form(KINDS["similarity"].matrix, np.zeros(4)) is None
    assert linear_form(KINDS["affine"].matrix, np.zeros(6)).is_affine


def test_linear_least_squares_does_not_depend_on_units():
    rng = np.random.default_rng(6)
    design, x = rng.standard_normal((2, 9, 3)), rng.standard_normal((2, 3, 1))
    units = np.array([1e-12, 1.0, 1e9])
    solved = linear.solve(design * units, design @ x)
    np.testing.assert_allclose(solved * units[:, None], x, rtol=1e-9)
