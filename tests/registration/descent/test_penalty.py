import numpy as np
import pytest

import stn_numba as stn
from stn_numba.registration.descent.penalty import BendingPenalty
from tests.transform.test_base import Swirl

SPLINE = stn.get_transform("tps", control_points=(4, 4))
LATTICE = stn.get_transform("bspline", control_points=(4, 5))


def test_affine_maps_do_not_bend():
    points = SPLINE.control_points
    theta = (points @ np.array([[1.2, 0.3], [-0.1, 0.8]]) + [0.5, -0.2]).T.reshape(1, -1)
    cost, gradient, _ = BendingPenalty(SPLINE, 1.0).terms(theta)
    np.testing.assert_allclose(cost, 0, atol=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-9)


def test_the_energy_is_that_of_second_derivatives():
    class Parabola(stn.LinearTransform):
        def basis(self, points):
            return points[:, :1] ** 2

    cost, *_ = BendingPenalty(Parabola(), 3.0).terms(np.array([[0.5, 0.0]]))
    np.testing.assert_allclose(cost, 3.0 * (2 * 0.5) ** 2 * (31 / 33) ** 2)


def test_the_gradient_is_half_that_of_the_cost():
    for transform in (SPLINE, LATTICE, Swirl()):
        penalty, rng = BendingPenalty(transform, 0.1), np.random.default_rng(0)
        theta = transform.identity() + rng.normal(0, 0.1, (2, transform.n_params))
        direction = rng.normal(size=theta.shape)
        step = 1e-5
        slope = (penalty.terms(theta + step * direction)[0] - penalty.terms(theta - step * direction)[0]) / (2 * step)
        np.testing.assert_allclose(2 * np.sum(penalty.terms(theta)[1] * direction, axis=1), slope, rtol=1e-4)


@pytest.mark.parametrize("transform", [SPLINE, LATTICE])
def test_the_curvature_of_a_linear_transform_is_exact(transform):
    penalty, rng = BendingPenalty(transform, 0.1), np.random.default_rng(0)
    theta = transform.identity() + rng.normal(0, 0.1, (1, transform.n_params))
    step = rng.normal(size=theta.shape)
    cost, gradient, blocks = penalty.terms(theta)
    parts = step.reshape(2, -1)
    expected = cost + 2 * np.sum(gradient * step) + np.einsum("bp,bpq,bq", parts, blocks[0], parts)
    np.testing.assert_allclose(penalty.terms(theta + step)[0], expected)


def test_shortcuts_cost_what_positions_say():
    for transform in (SPLINE, LATTICE):
        theta = transform.identity() + np.random.default_rng(0).normal(0, 0.1, (2, transform.n_params))
        penalty = BendingPenalty(transform, 0.1)
        bent = penalty._bend(transform.apply(theta, penalty._points)[..., None])
        expected = np.sum(bent**2, axis=(1, 2, 3, 4, 5))
        if transform is LATTICE:  # displacements also cost their first derivatives
            moved = (transform.apply(theta, penalty._points) - penalty._points).reshape(2, 33, 33, 2)
            slopes = [np.sum((np.diff(moved, axis=axis) * 16) ** 2, axis=(1, 2, 3)) for axis in (1, 2)]
            expected = expected + 100 * sum(slopes)
        np.testing.assert_allclose(penalty.terms(theta)[0], 0.1 / 33**2 * expected)
