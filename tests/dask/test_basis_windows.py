"""Basis functions in a window have the bits of the whole, though a product of matrices computes them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("dask", reason="Dask is not installed")
from stn_numba.dask.basis_windows import functions_in_window
from stn_numba.grid.basis_rows import PIXELS_AT_ONCE, BasisRows


def numbered(first, last):
    """Functions that tell in which piece they were computed."""
    pixels = np.arange(first, last, dtype=float)
    return np.stack([pixels, np.full_like(pixels, first), np.full_like(pixels, last)], axis=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=2, max_size=3), st.sampled_from([1, 37, 170]), st.data())
def test_pieces_are_those_of_the_whole(sizes, stretch, data):
    shape = (*sizes[:-1], sizes[-1] * stretch) if len(sizes) == 2 else tuple(sizes)
    window = tuple(slice(start := data.draw(st.integers(0, n - 1)), data.draw(st.integers(start + 1, n))) for n in shape)
    basis = BasisRows(numbered, 3, shape)
    whole = basis.evaluated().reshape(3, *shape)[:, *window].reshape(3, -1)
    np.testing.assert_array_equal(functions_in_window(basis, window), whole)


def test_only_the_pieces_of_the_window_are_computed():
    computed = []

    def evaluate(first, last):
        computed.append((first, last))
        return numbered(first, last)

    basis = BasisRows(evaluate, 3, (4, 100 * PIXELS_AT_ONCE))
    functions_in_window(basis, (slice(2, 3), slice(5 * PIXELS_AT_ONCE + 1, 6 * PIXELS_AT_ONCE + 1)))
    start = 2 * 100 * PIXELS_AT_ONCE
    assert computed == [(start + k * PIXELS_AT_ONCE, start + (k + 1) * PIXELS_AT_ONCE) for k in (5, 6)]
