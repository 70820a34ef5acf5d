"""Transforms that give their matrix: authors write `matrix` or `matrix_vjp`, users call `matrix`."""

import pickle

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.testing import check_transform, check_vjp
from tests.transform.test_base import near_identity

POINTS = np.random.default_rng(3).uniform(-1, 1, (11, 2))


class Turn(stn.MatrixTransform):
    """One angle, by its matrix alone."""

    n_params = 1

    def identity(self):
        return np.zeros(1)

    def matrix(self, theta):
        c, s, o = np.cos(theta[:, 0]), np.sin(theta[:, 0]), np.zeros(len(theta))
        return np.moveaxis(np.array([[c, -s, o], [s, c, o], [o, o, o + 1]]), 2, 0)


class Shift(stn.MatrixTransform):
    """By its gradient alone."""

    n_params = 2

    def identity(self):
        return np.zeros(2)

    def matrix_vjp(self, theta):
        matrix = np.tile(np.eye(3, dtype=theta.dtype), (len(theta), 1, 1))
        matrix[:, :2, 2] = theta
        return matrix, lambda d_matrix: d_matrix[:, :2, 2]


@pytest.mark.parametrize("kind", [Turn, Shift])
def test_one_of_the_two_methods_is_enough(kind):
    check_transform(kind)


def test_the_gradient_of_a_matrix_needs_no_warning():
    theta = np.array([[0.3], [-0.8]])
    check_vjp(lambda theta: Turn().matrix_vjp(theta), theta, tolerance=1e-8)
    matrix, backprop = Turn().matrix_vjp(theta.astype(np.float32))
    assert matrix.dtype == backprop(np.ones((2, 3, 3))).dtype == np.float32
    np.testing.assert_allclose(backprop(np.ones((2, 3, 3))), -2 * np.sin(theta), rtol=1e-6)
    assert Turn().matrix_vjp(np.zeros((0, 1)))[1](np.zeros((0, 3, 3))).shape == (0, 1)


@pytest.mark.parametrize("transform", [Turn(), Shift(), stn.get_transform("affine"), stn.get_transform("projective")])
def test_matrix_is_public_and_maps_points(transform):
    theta = near_identity(transform)
    matrix = transform.matrix(theta.tolist())
    mapped = np.concatenate([POINTS, np.ones((11, 1))], axis=1) @ np.swapaxes(matrix, 1, 2)
    np.testing.assert_allclose(mapped[..., :2] / mapped[..., 2:], transform.apply(theta, POINTS), atol=1e-12)
    assert transform.matrix(theta.astype(np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match=r"theta: expected \(N, "):
        transform.matrix(np.zeros((1, 9)))


def test_a_planned_warp_reads_the_matrix():
    image = np.random.default_rng(0).random((6, 6))
    for angle in (0.1, 0.2, np.pi / 2):
        out = stn.warp(image, [angle], Turn())
        affine = [np.cos(angle), -np.sin(angle), 0, np.sin(angle), np.cos(angle), 0]
        np.testing.assert_allclose(out, stn.warp(image, affine), atol=1e-12)


def test_a_class_without_matrices_is_named():
    class Empty(stn.MatrixTransform):
        n_params = 1

        def identity(self):
            return np.zeros(1)

    for call in (lambda: Empty().matrix([[0.0]]), lambda: Empty().apply([[0.0]], POINTS)):
        with pytest.raises(TypeError, match=r"Empty: write matrix\(theta\) -> \(N, 3, 3\), or matrix_vjp"):
            call()


def test_a_matrix_of_the_wrong_shape_is_named():
    class Flat(Turn):
        def matrix(self, theta):
            return np.zeros((len(theta), 2, 3))

    with pytest.raises(ValueError, match=r"Flat.matrix: expected \(1, 3, 3\), got \(1, 2, 3\)"):
        Flat().apply([[0.0]], POINTS)


def test_a_matrix_may_call_that_of_its_base_class():
    class Doubled(Turn):
        def matrix(self, theta):
            return super().matrix(2 * theta)

    np.testing.assert_allclose(Doubled().matrix([[0.2]]), Turn().matrix([[0.4]]))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(Turn())).matrix([[0.2]]), Turn().matrix([[0.2]]))
