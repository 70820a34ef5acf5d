"""At whole pixels the gradient is the one-sided difference from the right, also in mirrored and repeated images."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial
from stn_numba.sampler.padding import PADDINGS
from tests.sampler.examples import random_image

TENT = PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])
CHOICES = {name: name for name in ("bilinear", *KERNELS)} | {"tent as data": TENT}
STEP = 1e-6


@pytest.mark.parametrize("size", [(1, 1, 2), (1, 6, 1), (5, 1, 3), (5, 6, 1), (5, 6, 3), (8, 9, 4), (6, 7, 17)])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", CHOICES)
def test_the_gradient_at_whole_pixels_is_the_difference_from_the_right(kernel, padding, size):
    H, W, channels = size
    image = random_image(1, H, W, channels)
    y, x = np.meshgrid(np.arange(-2 * H - 3, 3 * H + 4), np.arange(-2 * W - 3, 3 * W + 4), indexing="ij")
    pixels = np.stack([x, y], axis=-1)[None].astype(float)
    options = {"kernel": CHOICES[kernel], "padding": padding, "units": "pixels"}
    options |= {"fill": 3.0} if padding == "constant" else {}
    out, backprop = stn.sample_vjp(image, pixels, **options)
    d_out = random_image(*out.shape, seed=4)
    got = backprop(d_out)[1]
    for axis in (0, 1):
        to_the_right = pixels.copy()
        to_the_right[..., axis] += STEP
        difference = ((stn.sample(image, to_the_right, **options) - out) * d_out).sum(axis=-1) / STEP
        np.testing.assert_allclose(got[..., axis], difference, atol=1e-4, err_msg=f"axis {axis}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("padding", [padding for padding in PADDINGS if padding != "zeros"])
def test_a_constant_image_has_no_gradient_at_whole_pixels(padding, channels, layout, dtype):
    for H, W in ((5, 5), (4, 7), (1, 6), (300, 270)):
        image = np.ones((1, channels, H, W) if layout == "NCHW" else (1, H, W, channels), dtype)
        fill = {"fill": 1.0} if padding == "constant" else {}
        grid = stn.grid_from_pixel_matrix(np.eye(2, 3), (H, W), (H, W))
        for positions in (grid, to_dense(H, W)):
            units = {} if positions is grid else {"units": "pixels"}
            out, backprop = stn.sample_vjp(image, positions, padding=padding, layout=layout, **fill, **units)
            assert not backprop(np.ones_like(out))[1].any()


def to_dense(H, W):
    y, x = np.indices((H, W), float)
    return np.stack([x, y], axis=-1)[None]


@pytest.mark.parametrize("padding", ["reflect101", "symmetric", "wrap"])
def test_single_precision_takes_the_same_side(padding):
    image, pixels = random_image(1, 6, 7, 3), to_dense(30, 30) - 12.0
    single, double = (
        stn.sample_vjp(image.astype(dtype), pixels, padding=padding, units="pixels")[1](np.ones((1, 30, 30, 3), dtype))
        for dtype in (np.float32, np.float64)
    )
    for got, expected in zip(single, double, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_just_before_a_pixel_the_slope_is_that_to_its_left(dtype, padding, channels):
    """Rounded to float32 such a position lies on the pixel; so do those of turns by 180 degrees and of splines."""
    image = random_image(1, 6, 7, channels, dtype=dtype)
    y, x = np.indices((5, 6), float)
    for before in (1e-9, 1e-12, 1e-15):
        pixels = np.stack([x + 1 - before, y + 0.5], axis=-1)[None]
        out, backprop = stn.sample_vjp(image, pixels, padding=padding, units="pixels")
        got = backprop(np.ones_like(out))[1][..., 0]
        middle = (image[:, :-1] + image[:, 1:]) / 2
        expected = np.diff(middle, axis=2).sum(axis=-1)
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_turn_by_180_degrees_has_no_gradient_on_a_constant_image():
    grid, _ = stn.get_transform("affine").forward([[-1, 1.2246e-16, 0, -1.2246e-16, -1, 0]], (28, 28))
    out, backprop = stn.sample_vjp(np.ones((1, 28, 28, 1), np.float32), grid, padding="constant", fill=1.0)
    assert not backprop(np.ones_like(out))[1].any()
