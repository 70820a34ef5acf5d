"""Reads of several pixels at once stop at the end of the image: its last byte lies before an inaccessible page."""

import sys

import numpy as np
import pytest

import stn_numba as stn
from tests.fuzz.guarded import guarded

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="guarded memory is made by mmap and mprotect")


@pytest.mark.parametrize("negative", [(), (1,), (2,), (1, 2)])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float32", "float64"])
def test_nothing_is_read_beyond_either_end_of_an_image(dtype, channels, kernel, negative):
    plain = np.random.default_rng(0).integers(0, 100, (1, 40, 50, channels)).astype(dtype)
    grid = stn.get_transform("affine").forward([[1.0, 0, 0, 0, 1.0, 0]], (40, 50))[0]  # reads the last pixel, and all others
    for at_end in (True, False):
        image = guarded(plain, at_end=at_end, negative=negative)
        for padding in ("zeros", "border", "reflect101"):
            for positions in (grid, grid.dense()):
                out = stn.sample(image, positions, kernel=kernel, padding=padding)
                np.testing.assert_allclose(out, plain, atol=1e-3)
