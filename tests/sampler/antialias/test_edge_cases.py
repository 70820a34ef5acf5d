"""Antialiasing of narrow and empty outputs, and of values that are not finite."""

import numpy as np
import pytest

import stn_numba as stn
from tests.sampler.antialias.examples import IDENTITY
from tests.sampler.examples import random_image


@pytest.mark.parametrize("hidden", [np.nan, np.inf])
def test_a_non_finite_position_affects_its_own_output_only(hidden):
    image, points = np.ones((1, 40, 40, 1)), 0.6 * stn.base_points((6, 6)).reshape(1, 6, 6, 2)
    expected = stn.sample(image, points, antialias=True)
    points[0, 2, 3] = hidden
    points[0, 5, 5] = hidden
    expected[0, 2, 3] = expected[0, 5, 5] = 0
    out, backprop = stn.sample_vjp(image, points, antialias=True)
    np.testing.assert_allclose(out, expected)
    d_image, d_grid = backprop(np.ones_like(out))
    assert np.isfinite(d_image).all()
    assert not d_grid[0, 2, 3].any()
    assert not d_grid[0, 5, 5].any()
    alone = np.full((1, 6, 6, 2), np.nan)
    alone[0, 1, 1] = 0
    assert stn.sample(image, alone, antialias=True).sum() == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (0, 3), (3, 0)])
@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_narrow_and_empty_outputs(name, shape):
    image = random_image(2, 16, 16, 1)
    transform = stn.get_transform(name)
    for align_corners in (True, False):
        grid, to_theta = transform.forward(transform.identity()[None], shape, align_corners)
        for one in (grid, grid.dense()):
            out, backprop = stn.sample_vjp(image, one, antialias=True, align_corners=align_corners)
            assert out.shape == (2, *shape, 1)
            backprop(out)
        assert to_theta(stn.sample_vjp(image, grid, antialias=True)[1](out)[1]).shape == (1, transform.n_params)
    whole = stn.warp(image, IDENTITY, shape=(1, 1), align_corners=False, antialias=True)
    np.testing.assert_allclose(whole.ravel(), image.mean(axis=(1, 2, 3)), atol=1e-12)


def test_empty_batches_and_non_finite_values():
    assert stn.sample(np.ones((0, 8, 8, 1)), np.zeros((0, 2, 2, 2)), antialias=True).shape == (0, 2, 2, 1)
    for bad in (np.nan, np.inf, 1e308):
        for theta in ([bad, 0, 0, 0, 1, 0], [1, 0, bad, 0, 1, 0]):
            out = stn.warp(np.ones((32, 32)), theta, shape=(4, 4), antialias=True)
            assert np.isfinite(out).all()
    image = np.ones((1, 16, 16, 1))
    image[0, 3, 3], image[0, 3, 4], image[0, 9, 9] = np.inf, -np.inf, np.nan
    out = stn.warp(image, IDENTITY, shape=(4, 4), align_corners=False, antialias=True)
    assert np.argwhere(~np.isfinite(out[0, ..., 0])).tolist() == [[0, 0], [0, 1], [2, 2]]


@pytest.mark.parametrize("function", [stn.sample, stn.sample_vjp])
@pytest.mark.parametrize("kernel", ["bilinear", "nearest"])
@pytest.mark.parametrize(
    ("antialias", "shown"), [("area", "'area'"), (np.array([True, False]), "array")], ids=["text", "array"]
)
def test_antialias_must_be_true_or_false(function, kernel, antialias, shown):
    with pytest.raises(TypeError, match=f"antialias: expected True or False, got {shown}"):
        function(np.ones((1, 4, 4, 1)), np.zeros((1, 2, 2, 2)), kernel=kernel, antialias=antialias)
