import numpy as np
import pytest
import stn_numba as stn
from stn_numba.testing import check_vjp, parametrize_checks

from stn_numba_logpolar import LogPolar

THETA = np.array([[0.1, -0.2, -0.3, 0.4], [0.0, 0.3, 0.2, -2.0]])


@parametrize_checks(LogPolar, exact_identity=False)
def test_it_keeps_to_the_contract(check):
    check()


def test_it_is_found_by_name():
    assert isinstance(stn.get_transform("logpolar", inner_radius=0.1), LogPolar)


def test_it_maps_corners_of_the_output_to_rings_and_rays():
    mapped = LogPolar(inner_radius=0.1).apply([[0.5, 0.0, 0.0, 0.0]], [[1.0, 0.0], [-1.0, 0.0], [1.0, -0.5]])
    np.testing.assert_allclose(mapped, [[[1.5, 0.0], [0.6, 0.0], [0.5, -1.0]]], atol=1e-12)


def test_gradient():
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    check_vjp(lambda theta: LogPolar().apply_vjp(theta, points), THETA)


def test_gradient_through_the_sampler():
    image = np.random.default_rng(0).standard_normal((2, 9, 9, 2))

    def warped(theta):
        grid, to_theta = LogPolar().forward(theta, (5, 7))
        out, backprop = stn.sample_vjp(image, grid)
        return out, lambda d_out: to_theta(backprop(d_out, image=False)[1])

    check_vjp(warped, THETA)


def test_rotating_the_input_shifts_the_output():
    image = np.random.default_rng(0).standard_normal((15, 15))
    turned = np.rot90(image, -1)  # clockwise, as the angle of an axis pointing down grows
    theta = LogPolar().identity()
    before = stn.warp(image, theta, transform="logpolar", shape=(8, 20), align_corners=False)
    after = stn.warp(turned, theta, transform="logpolar", shape=(8, 20), align_corners=False)
    np.testing.assert_allclose(np.roll(before, 2, axis=0), after, atol=1e-12)


def test_registration_with_it():
    """Two images of blobs: the second is the first as the transform reads it."""
    rng = np.random.default_rng(0)
    centers, heights = rng.uniform(-1, 1, (80, 2)), rng.standard_normal(80)

    def blobs(points):
        return np.exp(-np.sum((points[:, None] - centers) ** 2, axis=2) / 0.02) @ heights

    theta = np.array([0.05, -0.03, -0.1, 0.1])
    moving = blobs(stn.base_points((64, 64))).reshape(64, 64)
    fixed = blobs(LogPolar().apply(theta[None], stn.base_points((64, 96)))[0]).reshape(64, 96)
    result = stn.register(moving, fixed, LogPolar())
    assert result.success
    np.testing.assert_allclose(result.theta[0], theta, atol=0.005)


def test_runaway_parameters_give_zeros_and_no_gradient():
    theta = np.array([[0.0, 0.0, 1e4, 0.0], [np.nan, 0.0, 0.0, 0.0]])
    grid, to_theta = LogPolar().forward(theta, (3, 4))
    out, backprop = stn.sample_vjp(np.ones((1, 5, 5, 1)), grid)
    assert not out.any()
    assert not to_theta(backprop(np.ones_like(out))[1]).any()
    assert not stn.warp(np.ones((5, 5)), [0, 0, 1e4, 0], LogPolar(), shape=(1, 6)).any()  # the ray along which sin is 0


@pytest.mark.parametrize("radius", [0.0, 1.0, -1.0, float("nan"), "0.5"])
def test_a_radius_out_of_range_is_refused(radius):
    with pytest.raises(ValueError, match="inner_radius: expected a number between 0 and 1"):
        LogPolar(inner_radius=radius)
