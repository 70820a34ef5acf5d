"""A basis computed block by block agrees with a kept one and needs little memory.

Outputs have the same bits. Gradients are summed block by block, so they may differ from those of a kept basis by rounding, but
not with the number of threads.
"""

import pickle
import tracemalloc

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid.basis_rows import BasisRows
from tests.sampler.examples import random_image

SHAPE = (61, 70)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks, and several pieces a block, for outputs of a test's size."""
    monkeypatch.setattr("stn_numba.grid.basis_rows._BLOCK_BYTES", 8 * 9 * SHAPE[1] * 7)
    monkeypatch.setattr("stn_numba.grid.basis_rows.PIXELS_AT_ONCE", 101)


def both(batch, shape=SHAPE, align_corners=True, dtype=np.float64):
    """Two grids of one spline: with a kept basis, and with one computed when needed."""
    theta = None
    for max_cached_bytes in (np.inf, 0):
        spline = stn.get_transform("tps", control_points=(3, 3))
        spline.max_cached_bytes = max_cached_bytes
        if theta is None:
            theta = spline.identity() + np.random.default_rng(0).normal(0, 0.15, (batch, spline.n_params))
        yield spline.forward(theta.astype(dtype), shape, align_corners)[0]


def close(got, expected):
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    tolerance = 1e-12 if expected.dtype == np.float64 else 1e-4
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(1.0, float(np.abs(expected).max(initial=0))))


def same(got, expected):
    assert (got.dtype, got.shape, got.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("images", "grids"), [(1, 1), (3, 3), (1, 3), (3, 1)])
def test_sampling_and_gradients_agree_with_a_kept_basis(images, grids, dtype, align_corners):
    image = random_image(images, 33, 42, 3, dtype=dtype)
    kept, streamed = both(grids, align_corners=align_corners, dtype=dtype)
    assert isinstance(streamed.basis, BasisRows)
    assert not isinstance(kept.basis, BasisRows)
    results = []
    for grid, threads in ((kept, None), (streamed, None), (streamed, 1), (streamed, 3)):
        out, backprop = stn.sample_vjp(image, grid, num_threads=threads)
        results.append((out, *backprop(random_image(*out.shape, dtype=dtype, seed=5))))
    kept_results, streamed_results, *other_threads = results
    same(streamed_results[0], kept_results[0])
    for got, expected in zip(streamed_results[1:], kept_results[1:], strict=True):
        close(got, expected)
    for result in other_threads:
        for got, expected in zip(result, streamed_results, strict=True):
            same(got, expected)


@pytest.mark.parametrize("options", [{"kernel": "bicubic", "padding": "wrap"}, {"layout": "NCHW", "fill": 3.0}])
def test_options_agree_with_a_kept_basis(options):
    image = random_image(2, 33, 42, 4) if "layout" not in options else random_image(2, 4, 33, 42)
    results = []
    for grid in both(2):
        out, backprop = stn.sample_vjp(image, grid, **options)
        results.append((out, *backprop(random_image(*out.shape, seed=5))))
    same(results[0][0], results[1][0])
    for got, expected in zip(results[1][1:], results[0][1:], strict=True):
        close(got, expected)


def test_antialiasing_agrees_with_a_kept_basis():
    image, results = random_image(2, 80, 90, 2), []
    for grid in both(2, (20, 22)):
        out, backprop = stn.sample_vjp(image, grid, antialias=True)
        results.append((out, *backprop(random_image(*out.shape, seed=5))))
    same(results[0][0], results[1][0])
    for got, expected in zip(results[1][1:], results[0][1:], strict=True):
        close(got, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_positions_and_their_gradient_have_the_bits_of_a_kept_basis(dtype):
    kept, streamed = both(2, dtype=dtype)
    same(streamed.dense(), kept.dense())
    same(streamed.functions, kept.functions)
    d_dense = random_image(2, *SHAPE, 2)
    same(streamed.pull_back(d_dense), kept.pull_back(d_dense))
    np.testing.assert_allclose(kept.dense(), np.swapaxes(kept.values @ kept.functions, 1, 2).reshape(2, *SHAPE, 2), atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (1, 300), (300, 1)])
def test_outputs_of_any_shape_agree_with_a_kept_basis(shape):
    image = random_image(2, 9, 8, 2)
    kept, streamed = both(2, shape)
    (out, backprop), (streamed_out, streamed_backprop) = (stn.sample_vjp(image, grid) for grid in (kept, streamed))
    same(streamed_out, out)
    for got, expected in zip(streamed_backprop(out), backprop(out), strict=True):
        close(got, expected)
    same(streamed.dense(), kept.dense())


def test_a_basis_of_over_8_mib_is_not_kept(monkeypatch):
    spline = stn.get_transform("tps")
    theta = spline.identity()[None]
    assert not isinstance(spline.forward(theta, (224, 224))[0].basis, BasisRows)
    assert isinstance(spline.forward(theta, (256, 257))[0].basis, BasisRows)
    spline.max_cached_bytes = np.inf  # takes effect at once, also for a shape seen before
    assert not isinstance(spline.forward(theta, (256, 257))[0].basis, BasisRows)


def test_a_grid_without_a_kept_basis_can_be_pickled():
    _, streamed = both(1)
    same(pickle.loads(pickle.dumps(streamed)).dense(), streamed.dense())


def test_a_basis_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"basis: expected one for shape \(2, 3\), got \(3, 2\)"):
        stn.BasisGrid(BasisRows(lambda first, last: np.ones((last - first, 2)), 2, (3, 2)), np.ones((1, 2, 2)), (2, 3))
    grid = stn.BasisGrid(BasisRows(lambda first, last: np.ones((last - first, 3)), 2, (2, 3)), np.ones((1, 2, 2)), (2, 3))
    with pytest.raises(ValueError, match=r"basis: expected an array \(6, 2\), got \(6, 3\)"):
        stn.sample(random_image(1, 4, 4, 1), grid)


@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_a_warp_of_a_large_image_takes_under_4_mb(monkeypatch, name):
    monkeypatch.undo()
    image = np.zeros((1, 1080, 1920, 1), np.uint8)
    out, transform = np.empty_like(image), stn.get_transform(name)
    theta = transform.identity()[None]
    stn.sample(image, transform.forward(theta, (300, 300))[0])  # compiles everything, also the parallel form
    tracemalloc.start()
    try:
        stn.sample(image, transform.forward(theta, image.shape[1:3])[0], out=out)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()
