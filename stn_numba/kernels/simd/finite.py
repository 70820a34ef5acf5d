"""Whether numbers of a strip are finite, told by adding zero times each of them: NaN and infinity leave NaN."""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.load_store import load, size_of
from stn_numba.kernels.simd.scratch import products
from stn_numba.kernels.simd.vectors import EIGHT, ONE, add_product, lane_sum, spread


@jit.inline
def pixels_finite(image, address, count, C, zero):
    """Whether `count` pixels of C channels of an image of floats, from an address on, are finite."""
    size, check = size_of(image.like), zero
    runs, length, step = C, count, image.c_step
    if image.c_step == size and image.x_step == C * size:  # pixels side by side are one run of numbers
        runs, length, step = 1, count * C, 0
    elif image.x_step != size:
        runs, length, step = C * count, 1, 0
    for k in range(runs):
        row = address + k * step if length > 1 else address + k % C * image.c_step + k // C * image.x_step
        total, rest, j = spread(zero, EIGHT), spread(zero, ONE), 0
        while j + 8 <= length:
            total = add_product(total, load(row + j * size, image.like, EIGHT), spread(zero, EIGHT))
            j += 8
        while j < length:
            rest = add_product(rest, load(row + j * size, image.like, ONE), spread(zero, ONE))
            j += 1
        check += lane_sum(total) + lane_sum(rest)
    return check == zero


@jit.inline
def gradients_finite(first, stop, rows, zero):
    """Whether the gradients by the positions of the pixels [first, stop) are finite, and a few behind them."""
    total = spread(zero, EIGHT)
    for j in range(first, stop, 8):
        total = add_product(total, products(rows.gx, zero, j, EIGHT), spread(zero, EIGHT))
        total = add_product(total, products(rows.gy, zero, j, EIGHT), spread(zero, EIGHT))
    return lane_sum(total) == zero
