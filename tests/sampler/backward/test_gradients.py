"""Gradients of sampling, against finite differences."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.testing import check_vjp
from tests.sampler.examples import BASIC_PADDINGS, KINDS, random_grid, random_image, random_transform

OUT = (4, 5)
SIZES = [(6, 7), (1, 6), (5, 1)]


def through_the_transform(kind, padding, align_corners, batch=2):
    """function(image, theta) -> (out, backprop), and theta; for a dense grid theta is the positions."""
    if kind == "dense":
        points = random_grid("dense", batch, OUT).dense()
        return lambda image, grid: stn.sample_vjp(image, grid, padding=padding, align_corners=align_corners), points
    transform, theta = random_transform(kind, batch)

    def function(image, theta):
        grid, to_theta = transform.forward(theta, OUT, align_corners)
        out, backprop = stn.sample_vjp(image, grid, padding=padding)

        def pull_back(d_out):
            d_image, d_grid = backprop(d_out)
            return d_image, to_theta(d_grid)

        return out, pull_back

    return function, theta


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding", BASIC_PADDINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_image_and_theta(kind, padding, align_corners):
    function, theta = through_the_transform(kind, padding, align_corners)
    for size in SIZES:
        image = random_image(2, *size, 3)
        check_vjp(function, image, theta)
        check_vjp(lambda theta, image=image: alone(function(image, theta), 1), theta)
        check_vjp(lambda image: alone(function(image, theta), 0), image)


def alone(result, which):
    out, backprop = result
    return out, lambda d_out: backprop(d_out)[which]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_error_of_a_thousandth_is_caught(kind, which):
    function, theta = through_the_transform(kind, "zeros", True)

    def wrong(image, theta):
        out, backprop = function(image, theta)
        return out, lambda d_out: tuple(g * (1.001 if k == which else 1) for k, g in enumerate(backprop(d_out)))

    with pytest.raises(AssertionError, match="relative error"):
        check_vjp(wrong, random_image(2, 6, 7, 3), theta)


@pytest.mark.parametrize("kind", ["affine", "homography", "basis"])
def test_a_grid_and_its_dense_positions_have_the_same_gradient(kind):
    image, grid = random_image(2, 6, 7, 3), random_grid(kind, 2, OUT)
    out, backprop = stn.sample_vjp(image, grid)
    built, backprop_built = stn.sample_vjp(image, grid.dense())
    np.testing.assert_allclose(out, built, atol=1e-12)
    d_out = random_image(*out.shape, seed=3)
    np.testing.assert_allclose(backprop(d_out)[1], grid.own_gradient(backprop_built(d_out)[1]), rtol=1e-9, atol=1e-11)


def test_each_gradient_can_be_requested_alone():
    out, backprop = stn.sample_vjp(random_image(1, 5, 5, 1), random_grid("affine", 1, OUT))
    d_image, d_grid = backprop(out)
    only_image, only_grid = backprop(out, grid=False), backprop(out, image=False)
    assert only_image[1] is None
    assert only_grid[0] is None
    np.testing.assert_array_equal(only_image[0], d_image)
    np.testing.assert_array_equal(only_grid[1], d_grid)


def test_at_whole_pixels_the_gradient_is_the_difference_to_the_next_pixel():
    """The literal equation 7 gives U_k here, and so 1 for a constant image."""
    image = random_image(1, 1, 6, 1)
    grid = stn.base_points((1, 6)).reshape(1, 1, 6, 2)
    out, backprop = stn.sample_vjp(image, grid)
    d_x = backprop(np.ones_like(out))[1][0, 0, :, 0]
    np.testing.assert_allclose(d_x[:-1], np.diff(image.ravel()) * 5 / 2, rtol=1e-12)
    constant, backprop = stn.sample_vjp(np.ones((1, 1, 6, 1)), grid)
    assert not backprop(np.ones_like(constant))[1][0, 0, :-1, 0].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_have_the_dtype_of_the_image(kind, dtype):
    image, grid = random_image(2, 5, 5, 1, dtype=dtype), random_grid(kind, 2, OUT)
    out, backprop = stn.sample_vjp(image, grid)
    d_image, d_grid = backprop(out)
    assert out.dtype == d_image.dtype == dtype
    assert d_grid.shape == grid.values.shape
