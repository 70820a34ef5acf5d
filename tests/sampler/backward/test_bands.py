"""Gradients of large images are computed in bands of rows, and equal those in one piece."""

import itertools

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import BasisGrid, DenseGrid, MatrixGrid
from stn_numba.sampler import backward

SIDE = 150
RNG = np.random.default_rng(2)
TURN = np.array([[0.8, -0.6, 0.1], [0.6, 0.8, -0.2], [0, 0, 1.0]])


def grids():
    yield MatrixGrid(TURN[None], (SIDE, SIDE))
    yield MatrixGrid(np.vstack([TURN[:2], [0.3, -0.2, 1]])[None], (SIDE, SIDE))
    yield DenseGrid(MatrixGrid(TURN[None], (SIDE, SIDE)).dense().astype(np.float32))
    torn = RNG.uniform(-1.5, 1.5, (1, SIDE, SIDE, 2))
    torn[0, ::7, ::5] = np.nan
    torn[0, 1::7, 2::5] = RNG.choice([np.inf, -np.inf], torn[0, 1::7, 2::5].shape)
    yield DenseGrid(torn)
    yield BasisGrid(RNG.normal(0, 0.4, (SIDE * SIDE, 3)), RNG.normal(0, 1, (1, 2, 3)), (SIDE, SIDE))


@pytest.mark.parametrize("padding", ["zeros", "border", "reflect101", "wrap", "constant"])
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_gradients_in_bands_are_those_in_one_piece(kernel, padding, monkeypatch):
    for grid, (height, batch) in itertools.product(grids(), ((SIDE, 1), (5, 1), (97, 2))):
        image, d_out = RNG.normal(size=(batch, height, 80, 2)), RNG.normal(size=(batch, SIDE, SIDE, 2))
        for wanted in ({}, {"grid": False}, {"image": False}):
            _, backprop = stn.sample_vjp(image, grid, kernel=kernel, padding=padding)
            banded = backprop(d_out, **wanted)
            with monkeypatch.context() as context:
                context.setattr(backward, "_BANDS", 1)
                whole = backprop(d_out, **wanted)
            for got, expected in zip(banded, whole, strict=True):
                assert (got is None) == (expected is None)
                if expected is not None:
                    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_bands_skip_tiles_that_do_not_reach_them():
    image, grid = np.ones((1, SIDE, 80, 1)), DenseGrid(RNG.uniform(-0.2, 0.2, (1, SIDE, SIDE, 2)))
    _, backprop = stn.sample_vjp(image, grid)
    d_image, _ = backprop(np.ones((1, SIDE, SIDE, 1)))
    assert not d_image[0, : SIDE // 3].any()
    assert not d_image[0, 2 * SIDE // 3 :].any()
    np.testing.assert_allclose(d_image.sum(), SIDE * SIDE)
