"""Gradients of antialiased sampling."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import to_pixels
from stn_numba.testing import check_vjp
from tests.sampler.antialias.examples import SHRUNK, smooth_points
from tests.sampler.examples import KINDS, random_grid, random_image, random_transform

STEP = 1e-7  # of differences: with so many samples a wider one would cross whole pixels, where the tent has its kinks


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection", "wrap"])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_image_and_theta(kind, align_corners, padding):
    image = random_image(2, 14, 17, 2)
    if kind == "dense":
        options = {"padding": padding, "align_corners": align_corners, "antialias": True}
        check_vjp(lambda image, points: stn.sample_vjp(image, points, **options), image, smooth_points(2, SHRUNK), step=STEP)
        return
    transform, theta = random_transform(kind, 2, seed=4)

    def warped(image, theta):
        grid, to_theta = transform.forward(theta, SHRUNK, align_corners)
        out, backprop = stn.sample_vjp(image, grid, padding=padding, antialias=True)

        def pull_back(d_out):
            d_image, d_grid = backprop(d_out)
            assert d_grid.shape == grid.values.shape
            return d_image, to_theta(d_grid)

        return out, pull_back

    check_vjp(warped, image, theta, step=STEP)
    check_vjp(lambda theta: (warped(image, theta)[0], lambda d: warped(image, theta)[1](d)[1]), theta, step=STEP)


@pytest.mark.parametrize("units", ["normalized", "pixels"])
@pytest.mark.parametrize("displacement", [True, False])
@pytest.mark.parametrize("kernel", ["bicubic", "mitchell"])
def test_gradients_by_displacements_and_pixels(kernel, displacement, units):
    image, points = random_image(2, 14, 17, 2), smooth_points(2, SHRUNK)
    points = to_pixels(points, (14, 17)) if units == "pixels" else points
    values = points * 0.03 if displacement else points
    options = {"kernel": kernel, "units": units, "displacement": displacement, "padding": "border", "antialias": True}
    check_vjp(lambda image, values: stn.sample_vjp(image, values, **options), image, values)


@pytest.mark.parametrize("align_corners", [True, False])
def test_displacements_and_pixels_are_averaged_as_positions_are(align_corners):
    image, points = random_image(2, 14, 17, 2), smooth_points(2, SHRUNK)
    shared = {"antialias": True, "align_corners": align_corners, "padding": "border"}
    expected = stn.sample(image, points, **shared)
    pixels = to_pixels(points, (14, 17), align_corners)
    np.testing.assert_allclose(stn.sample(image, pixels, units="pixels", **shared), expected, atol=1e-10)
    own = points - stn.base_points(SHRUNK, align_corners).reshape(1, *SHRUNK, 2)
    np.testing.assert_allclose(stn.sample(image, own, displacement=True, **shared), expected, atol=1e-10)
    own = pixels - to_pixels(stn.base_points(SHRUNK, align_corners), (14, 17), align_corners).reshape(1, *SHRUNK, 2)
    got = stn.sample(image, own, displacement=True, units="pixels", **shared)
    np.testing.assert_allclose(got, expected, atol=1e-10)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_by_the_image_is_the_adjoint(kind, layout):
    shape, channels = (1, 15, 19), (3,)
    image = random_image(*shape, *channels) if layout == "NHWC" else random_image(1, *channels, *shape[1:])
    grid = stn.DenseGrid(smooth_points(3, SHRUNK)) if kind == "dense" else random_grid(kind, 3, SHRUNK)
    out, backprop = stn.sample_vjp(image, grid, layout=layout, antialias=True)
    d_out = random_image(*out.shape, seed=5)
    d_image, _ = backprop(d_out, grid=False)
    assert np.sum(out * d_out) == pytest.approx(np.sum(image * d_image), rel=1e-12)


def test_gradients_next_to_a_non_finite_position():
    image, points = random_image(1, 30, 31, 1), 0.8 * smooth_points(1, (5, 5))
    hidden = np.zeros(points.shape, bool)
    hidden[0, 1, 2] = hidden[0, 4, 4] = hidden[0, 3, 0] = True

    def sampled(points):
        out, backprop = stn.sample_vjp(image, np.where(hidden, np.nan, points), antialias=True)
        return out, lambda d_out: np.where(hidden, 0, backprop(d_out)[1])

    check_vjp(sampled, points)
