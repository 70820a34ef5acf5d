"""NaN and infinite pixels: where the weight is exactly zero they reach neither the output nor the gradients."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial
from stn_numba.sampler.padding import PADDINGS
from tests.sampler import oracle
from tests.sampler.examples import random_image

CHOICES = {name: name for name in ("nearest", "bilinear", *KERNELS)} | {"box": PiecewisePolynomial([-0.5, 0.5], [[1]])}


def gives_weight(x, place, size, kernel, padding):
    """Whether a position gives a pixel of an axis a weight that is not zero."""
    pixels, weights, _ = oracle.axis_taps(np.array([x]), size, kernel, padding)
    return bool((weights[pixels == place] != 0).any())


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3, 4, 17])
@pytest.mark.parametrize("kernel", CHOICES)
def test_nan_does_not_spread_at_whole_pixels_with_interpolating_kernels(kernel, channels, layout):
    """Interpolating kernels have one weight there that is not zero; smoothing ones spread alike everywhere."""
    image = random_image(1, 20, 40, channels, dtype=np.float32)
    reach = []
    for row, column in ((0, 0), (10, 1), (10, 20), (19, 39), (3, 38)):
        holed = image.copy()
        holed[0, row, column] = np.nan
        read = holed.transpose(0, 3, 1, 2) if layout == "NCHW" else holed
        grid = stn.grid_from_pixel_matrix(np.eye(2, 3), (20, 40), (20, 40))
        out = stn.sample(read, grid, kernel=CHOICES[kernel], padding="border", layout=layout)
        out = out.transpose(0, 2, 3, 1) if layout == "NCHW" else out
        assert np.isnan(out[0, row, column]).all()
        rows, columns = np.nonzero(np.isnan(out[0, ..., 0]))
        reach.append((np.abs(rows - row).max(), np.abs(columns - column).max()))
    assert len(set(reach)) == 1
    if kernel in ("nearest", "bilinear", "bicubic", "box"):
        assert reach[0] == (0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "box"])
def test_a_non_finite_pixel_reaches_only_positions_that_give_it_weight(kernel, padding, bad):
    rng = np.random.default_rng(0)
    size, kernel = 9, CHOICES[kernel]
    name = "reflect101" if padding == "reflection" else padding
    xs = np.concatenate([np.arange(-9.0, 18), rng.uniform(-9, 18, 40), np.arange(-9, 18) + 0.25])
    for place in (0, 1, 4, 7, 8):
        row = rng.random(size)
        row[place] = bad
        positions = np.stack([xs, np.zeros_like(xs)], axis=-1)[None, None]
        out = stn.sample(row.reshape(1, 1, size, 1), positions, kernel=kernel, padding=padding, units="pixels").ravel()
        for x, value in zip(xs, out, strict=True):
            assert np.isfinite(value) != gives_weight(x, place, size, kernel, name), (x, place, value)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_gradients_ignore_nan_where_slope_or_weight_is_zero(kernel, channels):
    image = random_image(1, 20, 40, channels)
    image[0, 10, 20] = np.nan
    pixels = np.stack(np.meshgrid(np.arange(40.0), np.arange(20.0)), axis=-1)[None]
    out, backprop = stn.sample_vjp(image, pixels, kernel=kernel, padding="border", units="pixels")
    d_grid = backprop(np.ones_like(out))[1]
    rows, columns = np.nonzero(np.isnan(d_grid[0, ..., 0]))
    reach = 1 if kernel == "bilinear" else 2
    assert set(rows) == {10}  # slopes along x are taken along its row only
    assert columns.min() >= 20 - reach
    assert columns.max() <= 20 + reach
    d_out = np.ones_like(out)
    d_out[0, 5, 7] = np.nan
    d_image = backprop(d_out)[0]
    assert np.argwhere(np.isnan(d_image[0, ..., 0])).tolist() == [[5, 7]]


def test_a_nan_pixel_leaves_the_rest_of_its_strip_unchanged():
    image = random_image(1, 40, 300, 3, dtype=np.float32)
    grid = stn.grid_from_pixel_matrix([[0.9, 0.1, 2.0], [0, 1, 3]], (40, 300), (30, 290))
    expected = stn.sample(image, grid)
    image[0, 20, 100, 1] = np.nan
    got = stn.sample(image, grid)
    known = ~np.isnan(got)
    assert not known.all()
    np.testing.assert_array_equal(got[known], expected[known])


@pytest.mark.parametrize("padding", ["symmetric", "reflect101"])
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos3"])
def test_zero_weights_ignore_nan_in_mirrored_copies_too(kernel, padding):
    image = np.ones((1, 6, 5, 1))
    image[0, 0] = np.nan
    x, y = 0.5, (-4.0 if padding == "symmetric" else -3.0)  # the mirrored copy of row 3
    out, backprop = stn.sample_vjp(image, [[[[x, y]]]], kernel=kernel, padding=padding, units="pixels")
    assert out.item() == pytest.approx(1)
    assert np.isfinite(backprop(np.ones_like(out))[1][0, 0, 0, 0])
    d_image = backprop(np.full_like(out, np.nan))[0]
    assert set(np.nonzero(np.isnan(d_image[0, ..., 0]))[0]) == {3}
