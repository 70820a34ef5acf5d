import numpy as np
import pytest

import stn_numba as stn
from stn_numba.registration.descent.hessians import FullHessian
from stn_numba.registration.descent.penalty import BendingPenalty
from stn_numba.registration.descent.volume_penalty import VolumePenalty, penalty_of
from tests.registration.volume_scenes import FishEye

SPLINE = stn.get_transform("tps", control_points=(2, 2, 3))
LATTICE = stn.get_transform("bspline", control_points=(4, 4, 5))


def test_images_and_volumes_have_penalties_of_their_own():
    assert type(penalty_of(stn.get_transform("affine"), 1.0)) is BendingPenalty
    assert type(penalty_of(LATTICE, 0.0)) is VolumePenalty
    assert penalty_of(SPLINE, 0.0) is None


def test_affine_maps_do_not_bend():
    theta = SPLINE.fit_points(SPLINE.control_points, SPLINE.control_points @ np.diag([1.2, 0.8, 1.1]) + 0.3)
    cost, gradient, _ = VolumePenalty(SPLINE, 1.0).terms(theta)
    np.testing.assert_allclose(cost, 0, atol=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-9)


@pytest.mark.parametrize(("term", "energy"), [(lambda x, y, z: z**2, 4.0), (lambda x, y, z: x * z, 2.0)])
def test_the_energy_is_that_of_second_derivatives(term, energy):
    class Bent(stn.LinearTransform):
        ndim = 3

        def basis(self, points):
            return term(*points.T)[:, None]

    cost, *_ = VolumePenalty(Bent(), 3.0).terms(np.array([[0.5, 0.0, 0.0]]))
    np.testing.assert_allclose(cost, 3.0 * 0.25 * energy * (11 / 13) ** 3)


@pytest.mark.parametrize("transform", [SPLINE, LATTICE, FishEye()])
def test_the_gradient_is_half_that_of_the_cost(transform):
    penalty, rng, step = VolumePenalty(transform, 0.1), np.random.default_rng(0), 1e-5
    theta = transform.identity() + rng.normal(0, 0.1, (2, transform.n_params))
    direction = rng.normal(size=theta.shape)
    cost, gradient, blocks = penalty.terms(theta)
    ahead, behind = (penalty.terms(theta + sign * step * direction) for sign in (1, -1))
    slope = np.sum(gradient * direction, axis=1)
    np.testing.assert_allclose(2 * slope, (ahead[0] - behind[0]) / (2 * step), rtol=1e-4)
    if not isinstance(transform, FishEye):
        bent = FullHessian(np.zeros((2, *2 * direction.shape[1:]))).plus(blocks).dense()
        expected = cost + 2 * slope + np.einsum("np,npq,nq->n", direction, bent, direction)
        np.testing.assert_allclose(penalty.terms(theta + direction)[0], expected)


def test_a_lattice_costs_what_its_displacements_say():
    theta = np.random.default_rng(0).normal(0, 0.1, (1, LATTICE.n_params))
    n, step = 33, 2 / 32
    moved = (LATTICE.apply(theta, stn.base_points((n, n, n))) - stn.base_points((n, n, n))).reshape(n, n, n, 3)
    expected, inner = 0.0, slice(1, -1)
    for axis in range(3):
        lines = np.moveaxis(moved, axis, 0)
        expected += np.sum(np.diff(lines, 2, axis=0)[:, inner, inner] ** 2) / step**4
    for a, b in ((0, 1), (0, 2), (1, 2)):
        lines = np.moveaxis(moved, (a, b), (0, 1))[:, :, inner]
        mixed = (lines[2:, 2:] - lines[2:, :-2] - lines[:-2, 2:] + lines[:-2, :-2]) / 4
        expected += 2 * np.sum(mixed**2) / step**4
    control, slopes = theta.reshape(3, 4, 4, 5), 0.0
    for axis, count in ((1, 4), (2, 4), (3, 5)):
        slopes += np.sum(np.diff(control, axis=axis) ** 2) * ((count - 1) / 2) ** 2 / 80
    np.testing.assert_allclose(VolumePenalty(LATTICE, 0.1).terms(theta)[0], 0.1 * (expected / n**3 + 100 * slopes))


def test_lattices_have_a_penalty_that_grows_with_the_voxels_of_a_level():
    theta = np.random.default_rng(0).normal(0, 0.1, (1, LATTICE.n_params))
    cost = VolumePenalty(LATTICE, 1.0).terms(theta)[0]
    for weight, share, expected in ((0.0, 1, 3e-7), (0.0, 64, 1.92e-5), (1e-5, 8, 1e-5)):
        np.testing.assert_allclose(VolumePenalty(LATTICE, weight).terms(theta, share)[0], expected * cost)
