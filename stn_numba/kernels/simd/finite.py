"""Whether all numbers of a strip are finite: the sum of zero times each of them is zero, unless one is NaN or infinite."""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.lanes import lane_sum
from stn_numba.kernels.simd.load_store import load, size_of
from stn_numba.kernels.simd.scratch import get_product
from stn_numba.kernels.simd.vectors import EIGHT, ONE, fma, full


@jit.inline
def pixels_finite(image, address, count, C, zero):
    """Whether `count` pixels of C channels of an image of floats, from an address on, are finite."""
    size, check = size_of(image.dtype), zero
    runs, length, step = C, count, image.c_step
    if image.c_step == size and image.x_step == C * size:  # all numbers are contiguous
        runs, length, step = 1, count * C, 0
    elif image.x_step != size:
        runs, length, step = C * count, 1, 0
    for k in range(runs):
        row = address + k * step if length > 1 else address + k % C * image.c_step + k // C * image.x_step
        total, rest, j = full(EIGHT, zero), full(ONE, zero), 0
        while j + 8 <= length:
            total = fma(load(row + j * size, image.dtype, EIGHT), zero, total)
            j += 8
        while j < length:
            rest = fma(load(row + j * size, image.dtype, ONE), zero, rest)
            j += 1
        check += lane_sum(total) + lane_sum(rest)
    return check == zero


@jit.inline
def gradients_finite(first, stop, work, zero):
    """Whether the gradients by the positions of the pixels [first, stop), and a few behind them, are finite."""
    total = full(EIGHT, zero)
    for j in range(first, stop, 8):
        total = fma(get_product(work.gx, zero, j, EIGHT), zero, total)
        total = fma(get_product(work.gy, zero, j, EIGHT), zero, total)
    return lane_sum(total) == zero
