"""Points (N, M, 2), one set for each row of parameters, with every kind of transform."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.transform.points import apply_each, as_points
from tests.transform.test_base import Swirl, TrainedSwirl, near_identity

SETS = np.random.default_rng(4).uniform(-0.8, 0.8, (3, 7, 2))
KINDS = {name: stn.get_transform(name) for name in ("affine", "projective", "tps")} | {"swirl": Swirl()}
EVERY = pytest.mark.parametrize("transform", KINDS.values(), ids=KINDS)


@EVERY
def test_each_row_maps_its_own_points(transform):
    theta = near_identity(transform, 3)
    expected = [transform.apply(theta[n : n + 1], SETS[n])[0] for n in range(3)]
    np.testing.assert_allclose(apply_each(transform, theta, SETS), expected, atol=1e-14)
    np.testing.assert_array_equal(apply_each(transform, theta, SETS[0]), transform.apply(theta, SETS[0]))
    assert apply_each(transform, theta[:0], SETS[:0]).shape == (0, 7, 2)


@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_linear_and_matrix_transforms_map_sets_themselves(name):
    transform, theta = KINDS[name], near_identity(KINDS[name], 3)
    np.testing.assert_array_equal(transform.apply(theta, SETS), apply_each(transform, theta, SETS))
    mapped, backprop = transform.apply_vjp(theta, SETS)
    d = np.random.default_rng(0).standard_normal(mapped.shape)
    expected = [transform.apply_vjp(theta[n : n + 1], SETS[n])[1](d[n : n + 1])[0] for n in range(3)]
    np.testing.assert_allclose(backprop(d), expected, atol=1e-13)


def test_an_overridden_apply_need_not_know_sets():
    class Checked(type(KINDS["affine"])):
        def apply(self, theta, points):
            assert np.ndim(points) == 2
            return super().apply(theta, points)

    theta = near_identity(KINDS["affine"], 3)
    np.testing.assert_allclose(apply_each(Checked(), theta, SETS), KINDS["affine"].apply(theta, SETS))


@EVERY
def test_points_jacobian_by_a_random_direction(transform):
    theta = near_identity(transform, 3)
    v = np.random.default_rng(5).standard_normal(SETS.shape)
    expected = (apply_each(transform, theta, SETS + 1e-6 * v) - apply_each(transform, theta, SETS - 1e-6 * v)) / 2e-6
    for points in (SETS, SETS[0]):
        jacobian = transform.points_jacobian(theta, points)
        assert (jacobian.shape, jacobian.dtype) == ((3, 7, 2, 2), np.float64)
        np.testing.assert_allclose((jacobian[:1] @ v[:1, :, :, None])[..., 0], expected[:1], atol=1e-8)
    np.testing.assert_allclose((transform.points_jacobian(theta, SETS) @ v[..., None])[..., 0], expected, atol=1e-8)


@EVERY
def test_theta_jacobian_is_the_transpose_of_backprop(transform):
    theta = near_identity(transform, 3)
    jacobian = transform.theta_jacobian(theta, SETS[0])
    d = np.random.default_rng(0).standard_normal((3, 7, 2))
    trained = TrainedSwirl() if isinstance(transform, Swirl) else transform
    expected = trained.apply_vjp(theta, SETS[0])[1](d)
    np.testing.assert_allclose(np.einsum("nmi,nmip->np", d, jacobian), expected, atol=1e-8)


def test_points_behind_a_horizon_have_no_derivative():
    projective = KINDS["projective"]
    theta = np.array([[1.0, 0, 0, 0, 1, 0, 1, 0]])
    assert np.isnan(projective.points_jacobian(theta, [[-2.0, 0.0]])).all()
    assert not projective.theta_jacobian(theta, np.array([[-2.0, 0.0]])).any()


BAD = {
    "one point": ((2,), r"points: expected \(M, 2\) or \(3, M, 2\), got \(2,\); one point is points\[None\]"),
    "transposed": ((2, 7), r"got \(2, 7\)"),
    "rows": ((4, 7, 2), r"expected \(M, 2\) or \(3, M, 2\), got \(4, 7, 2\)"),
}


@pytest.mark.parametrize(("shape", "message"), BAD.values(), ids=BAD)
def test_other_shapes_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        as_points(np.zeros(shape), 3)
    with pytest.raises(ValueError, match="points: expected"):
        KINDS["affine"].apply(np.ones((3, 6)), np.zeros(shape))


def test_points_that_are_not_numbers_are_refused():
    with pytest.raises(TypeError, match="points: expected numbers"):
        as_points([["a", "b"]], 1)
