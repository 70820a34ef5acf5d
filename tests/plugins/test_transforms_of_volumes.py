"""Transforms of volumes: the contract, and what each of them means."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

import stn_numba as stn
from stn_numba.testing import check_vjp, parametrize_checks

OPTIONS = {
    "affine": {},
    "bspline": {"control_points": (4, 5, 4)},
    "flow": {"shape": (2, 3, 3)},
    "projective": {},
    "rigid": {},
    "similarity": {},
    "tps": {"control_points": (2, 3, 2)},
    "translation": {},
}
RNG = np.random.default_rng(0)


def make(name):
    return stn.get_transform(name, ndim=3, **OPTIONS[name])


@pytest.mark.parametrize("name", OPTIONS)
class TestEach:
    def test_it_keeps_to_the_contract(self, name):
        stn.testing.check_transform(lambda: make(name))

    def test_identity_of_a_warp(self, name):
        volume, transform = RNG.random((4, 5, 6)), make(name)
        np.testing.assert_allclose(stn.warp(volume, transform.identity(), transform), volume, atol=1e-9)

    def test_gradient_through_the_sampler(self, name):
        volume, transform = RNG.standard_normal((2, 5, 6, 7, 1)), make(name)
        theta = transform.identity() + 0.05 * RNG.standard_normal((2, transform.n_params))

        def warped(theta):
            grid, to_theta = transform.forward(theta, (3, 4, 5))
            out, backprop = stn.sample_vjp(volume, grid)
            return out, lambda d_out: to_theta(backprop(d_out, image=False)[1])

        check_vjp(warped, theta)


@parametrize_checks(lambda: stn.get_transform("compose", transforms=[make("rigid"), make("affine")]))
def test_composition(check):
    check()


def test_a_turn_about_z_is_that_of_an_image():
    volume = RNG.random((3, 6, 6))
    turned = stn.warp(volume, [0, 0, np.pi / 2, 0, 0, 0], stn.get_transform("rigid", ndim=3))
    np.testing.assert_allclose(turned, np.rot90(volume, 1, (1, 2)), atol=1e-12)


def test_a_turn_keeps_lengths_in_voxels():
    volume = RNG.random((4, 6, 10))
    bound = stn.get_transform("rigid", ndim=3).for_image(volume.shape)
    assert bound.aspect == (9 / 5, 3 / 5)
    matrix = stn.MatrixGrid(bound.matrix([[0.3, -0.2, 0.4, 0, 0, 0]]), volume.shape).pixel_matrix(volume.shape)[0, :3, :3]
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_spline_is_that_of_scipy(smoothing):
    points, targets, at = (RNG.uniform(-1, 1, (count, 3)) for count in (9, 9, 50))
    spline = stn.get_transform("tps", control_points=points, smoothing=smoothing)
    expected = RBFInterpolator(points, targets, kernel="linear", degree=1, smoothing=smoothing)(at)
    np.testing.assert_allclose(spline.apply(targets.T.reshape(1, -1), at)[0], expected, atol=1e-9)


def test_number_of_axes_follows_from_sizes():
    assert stn.get_transform("bspline", control_points=(4, 5, 6)).n_params == 3 * 4 * 5 * 6
    assert stn.get_transform("tps", control_points=(2, 2, 2)).ndim == 3
    assert stn.get_transform("flow", ndim=3).lattice == (28, 28, 28)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bspline", {"control_points": (4, 4), "ndim": 3}, "control_points: expected three whole numbers"),
        ("tps", {"control_points": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], "ndim": 3}, "all points lie in one plane"),
        ("rigid", {"aspect": 2.0, "ndim": 3}, "aspect: expected the volume's width and depth over its height"),
    ],
)
def test_errors(name, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        stn.get_transform(name, **options)


def test_a_volume_needs_a_transform_of_volumes():
    with pytest.raises(ValueError, match="a volume takes a transform with ndim=3"):
        stn.warp(np.zeros((1, 4, 4, 4, 1)), [1, 0, 0, 0, 1, 0])
