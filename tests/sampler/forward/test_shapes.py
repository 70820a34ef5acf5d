"""Empty outputs, empty batches and broadcasting."""

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler import oracle
from tests.sampler.examples import KINDS, random_grid, random_image


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (1, 1)])
def test_empty_outputs(kind, shape):
    image, grid = random_image(2, 4, 5, 3), random_grid(kind, 2, shape)
    out, backprop = stn.sample_vjp(image, grid)
    d_image, d_grid = backprop(out)
    assert out.shape == (2, *shape, 3)
    assert d_image.shape == image.shape
    assert d_grid.shape == grid.values.shape
    if 0 in shape:
        assert not d_image.any()
        assert not d_grid.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("images", "grids"), [(0, 0), (0, 1), (1, 0)])
def test_empty_batches(kind, images, grids):
    image, grid = random_image(images, 4, 5, 3), random_grid(kind, grids, (2, 2))
    out, backprop = stn.sample_vjp(image, grid)
    d_image, d_grid = backprop(out)
    assert out.shape == (0, 2, 2, 3)
    assert d_image.shape == image.shape
    assert d_grid.shape == grid.values.shape
    assert not d_image.any()
    assert not d_grid.any()


def test_no_channels():
    out, backprop = stn.sample_vjp(np.ones((1, 4, 4, 0)), random_grid("affine", 1, (2, 2)))
    d_image, d_grid = backprop(out)
    assert out.shape == (1, 2, 2, 0)
    assert d_image.shape == (1, 4, 4, 0)
    assert not d_grid.any()


@pytest.mark.parametrize("kind", KINDS)
def test_one_image_is_broadcast_over_all_grids(kind):
    image, grid = random_image(1, 5, 6, 2), random_grid(kind, 3, (4, 3))
    out, backprop = stn.sample_vjp(image, grid)
    np.testing.assert_allclose(out, oracle.sample(np.repeat(image, 3, axis=0), grid.dense()), atol=1e-12)
    repeated, backprop_repeated = stn.sample_vjp(np.repeat(image, 3, axis=0), grid)
    d_image, d_grid = backprop(repeated)
    each_image, each_grid = backprop_repeated(repeated)
    np.testing.assert_allclose(d_image, each_image.sum(axis=0, keepdims=True), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(d_grid, each_grid)


@pytest.mark.parametrize("kind", KINDS)
def test_one_grid_is_broadcast_over_all_images(kind):
    image, grid = random_image(3, 5, 6, 2), random_grid(kind, 1, (4, 3))
    out, backprop = stn.sample_vjp(image, grid)
    np.testing.assert_allclose(out, oracle.sample(image, np.repeat(grid.dense(), 3, axis=0)), atol=1e-12)
    d_image, d_grid = backprop(out)
    parts = [stn.sample_vjp(image[n : n + 1], grid)[1](out[n : n + 1]) for n in range(3)]
    np.testing.assert_array_equal(d_image, np.concatenate([part[0] for part in parts]))
    np.testing.assert_allclose(d_grid, sum(part[1] for part in parts), rtol=1e-10, atol=1e-12)
