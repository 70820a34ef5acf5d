"""Results do not depend on the number of threads."""

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler.examples import BASIC_PADDINGS, KINDS, random_grid, random_image


def results(image, grid, padding, num_threads):
    out, backprop = stn.sample_vjp(image, grid, padding=padding, num_threads=num_threads)
    return out, *backprop(random_image(*out.shape, dtype=out.dtype, seed=5))


@pytest.mark.parametrize("padding", BASIC_PADDINGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("images", "grids"), [(1, 1), (3, 3), (1, 3), (3, 1)])
def test_the_number_of_threads_changes_no_bit(kind, padding, images, grids):
    image = random_image(images, 61, 70, 3, dtype=np.float32)
    grid = random_grid(kind, grids, (121, 103))
    expected = results(image, grid, padding, 1)
    for threads in (2, None):
        for got, wanted in zip(results(image, grid, padding, threads), expected, strict=True):
            assert got.tobytes() == wanted.tobytes()
