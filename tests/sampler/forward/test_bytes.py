"""8-bit images of few channels, whose pixels are read as words, agree with float64."""

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler.examples import random_grid


@pytest.mark.parametrize("w", [5, 8, 64, 257, 600])
@pytest.mark.parametrize("padding", ["zeros", "border", "wrap"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_results_are_those_of_float64_rounded(dtype, channels, padding, w):
    limits, rng = np.iinfo(dtype), np.random.default_rng(w)
    image = rng.integers(limits.min, limits.max, (2, 9, 31, channels), dtype, endpoint=True)
    for kind in ("affine", "dense"):
        grid = random_grid(kind, 2, (7, w))
        exact = stn.sample(image.astype(float), grid, padding=padding)  # compared with the oracle in other files
        out = stn.sample(image, grid, padding=padding)
        assert out.dtype == image.dtype
        assert np.abs(out - exact).max() < 0.5 + 1e-4  # rounded: at a half either neighbor is right


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_strides_do_not_change_the_result(channels):
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (2, 20, 80, 2 * channels), np.uint8)
    grid = random_grid("affine", 2, (20, 40))
    for image in (
        large[:, :, ::2, :channels],
        large[:, ::-1, :40, :channels],
        large[:, :, 39::-1, channels:],
        large[:, :, :40, ::2],
        np.asfortranarray(large[:, :, :40, :channels]),
    ):
        out = np.zeros((2, 20, 40, channels + 1), np.uint8)[..., :channels]
        expected = stn.sample(np.ascontiguousarray(image), grid)
        np.testing.assert_array_equal(stn.sample(image, grid), expected)
        stn.sample(image, grid, out=out)
        np.testing.assert_array_equal(out, expected)
