"""Polynomial maps."""

import numpy as np
import pytest

import stn_numba as stn
from stn_transforms.affine import Affine
from stn_transforms.polynomial import Polynomial

RNG = np.random.default_rng(0)


def monomials(points, degree):
    x, y = points.T
    return np.stack([x ** (total - of) * y**of for total in range(degree + 1) for of in range(total + 1)], axis=1)


@pytest.mark.parametrize("degree", [1, 2, 3, 6])
def test_every_polynomial_of_the_degree_can_be_expressed(degree):
    points = RNG.uniform(-1, 1, (60, 2))
    values = monomials(points, degree) @ RNG.standard_normal((monomials(points, degree).shape[1], 2))
    transform = Polynomial(degree=degree)
    np.testing.assert_allclose(transform.apply(transform.fit_points(points, values), points)[0], values, atol=1e-9)


def test_terms_are_ordered_by_degree_and_from_x_to_y():
    x, y = points = RNG.uniform(-1, 1, (2, 5))
    two = [(3 * each**2 - 1) / 2 for each in points]
    three = [(5 * each**3 - 3 * each) / 2 for each in points]
    expected = [np.ones(5), x, y, two[0], x * y, two[1], three[0], two[0] * y, x * two[1], three[1]]
    np.testing.assert_allclose(Polynomial(3).basis(points.T), np.stack(expected, axis=1), atol=1e-14)


def test_degree_1_is_affine():
    theta, points = RNG.standard_normal((2, 6)), RNG.uniform(-1, 1, (5, 2))
    affine = theta.reshape(2, 2, 3)[:, :, [1, 2, 0]].reshape(2, 6)  # the constant comes last in `Affine`
    np.testing.assert_allclose(Polynomial(1).apply(theta, points), Affine().apply(affine, points), atol=1e-14)


def test_the_basis_is_bounded_and_well_conditioned():
    points = stn.base_points((60, 60))
    basis = Polynomial(8).basis(points)
    assert np.abs(basis).max() <= 1 + 1e-12
    assert np.linalg.cond(basis) < 10
    assert np.linalg.cond(monomials(points, 8)) > 500


@pytest.mark.parametrize(
    ("degree", "error", "message"),
    [
        (0, ValueError, "degree: expected at least 1, got 0"),
        (1.5, TypeError, "degree: expected a whole number, got 1.5"),
        (True, TypeError, "degree: expected a whole number, got True"),
    ],
)
def test_bad_degrees_are_refused(degree, error, message):
    with pytest.raises(error, match=message):
        Polynomial(degree=degree)
