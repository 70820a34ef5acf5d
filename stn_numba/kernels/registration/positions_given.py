"""Where the pixels of a strip read an image, by positions in memory or by a basis.

Pixels are counted through the whole image, so that strips are long whatever its width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.gather import put_offsets
from stn_numba.kernels.registration.positions import ROUNDING, clear_behind
from stn_numba.kernels.registration.rows import OFFSETS, TX, TY, WEIGHT, put
from stn_numba.kernels.simd.load_store import load, load_interleaved
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_product, put_product
from stn_numba.kernels.simd.vectors import EIGHT, astype, floor, fma, full, maximum, minimum, to_float64, where

FLOAT32 = np.float32(0)


class Source(NamedTuple):
    """Positions of N pairs in pixels of the moving image; arrays by address."""

    positions: int  # (N, pixels, 2) float64; 0 if they come from a basis
    basis: int  # (B, pixels)
    B: int
    item: int  # bytes of a number of the basis: 4 or 8
    coefficients: int  # (N, 2, B) float64
    pixels: int
    scratch: int  # memory for sixteen float64


@jit.inline
def basis_at(source, b, j, lanes):
    """Function b of the basis at eight pixels, or one, from pixel j on, as float64."""
    place = source.basis + (b * source.pixels + j) * source.item
    if source.item == 8:
        return load(place, 0.0, lanes)
    return to_float64(load(place, FLOAT32, lanes))


@jit.inline
def eight_positions(source, n, j):
    """Positions (x, y) of the eight pixels from pixel j on; those behind the last pixel are 0."""
    if j + 8 <= source.pixels:
        if source.positions:
            return load_interleaved(source.positions + 16 * (n * source.pixels + j), 0.0, EIGHT)
        return from_basis(source, n, j)
    for k in range(16):
        put_product(source.scratch, k, 0.0)
    for k in range(source.pixels - j):
        x, y = one_position(source, n, j + k)
        put_product(source.scratch, k, x)
        put_product(source.scratch, k + 8, y)
    return get_product(source.scratch, 0.0, 0, EIGHT), get_product(source.scratch, 0.0, 8, EIGHT)


@jit.inline
def from_basis(source, n, j):
    """Positions of eight pixels, summed over the basis."""
    x, y, coefficients = full(EIGHT, 0.0), full(EIGHT, 0.0), source.coefficients + 16 * n * source.B
    for b in range(source.B):
        function = basis_at(source, b, j, EIGHT)
        x = fma(function, load(coefficients + 8 * b, 0.0), x)
        y = fma(function, load(coefficients + 8 * (source.B + b), 0.0), y)
    return x, y


@jit.inline
def one_position(source, n, j):
    """The position of pixel j."""
    if source.positions:
        place = source.positions + 16 * (n * source.pixels + j)
        return load(place, 0.0), load(place + 8, 0.0)
    x, y, coefficients = 0.0, 0.0, source.coefficients + 16 * n * source.B
    for b in range(source.B):
        place = source.basis + (b * source.pixels + j) * source.item
        function = load(place, 0.0) if source.item == 8 else np.float64(load(place, FLOAT32))
        x = fma(function, load(coefficients + 8 * b, 0.0), x)
        y = fma(function, load(coefficients + 8 * (source.B + b), 0.0), y)
    return x, y


@jit.inline
def given_taps(source, limits, n, first, count, work):
    """Fill the rows of offsets, fractions and weights (1 inside, 0 outside) of the pixels from `first` on."""
    right, below = np.float64(limits.W - 1), np.float64(limits.H - 1)
    last_x, last_y = greatest(right - 1.0, 0.0), greatest(below - 1.0, 0.0)
    for j in range(0, count, 8):
        x, y = eight_positions(source, n, first + j)
        mask = (x >= -ROUNDING) & (x <= right + ROUNDING) & (y >= -ROUNDING) & (y <= below + ROUNDING)
        column, line = minimum(maximum(floor(x), 0.0), last_x), minimum(maximum(floor(y), 0.0), last_y)
        put_offsets(work + OFFSETS, j, column, line, limits.step)
        put(work + TX, j, astype(where(mask, x - column, 0.0), FLOAT32))
        put(work + TY, j, astype(where(mask, y - line, 0.0), FLOAT32))
        put(work + WEIGHT, j, astype(where(mask, full(EIGHT, 1.0), 0.0), FLOAT32))
    clear_behind(count, work)
