"""Batch normalization: sums for each channel, and the output and the input gradient that follow from them.

Maps are flat, (numbers,). Arrays for the channels have one length: all channels in turn, several times if they are few. Number
k of a map belongs to entry k modulo this length. Callers pass parts of the batch to threads.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.nn.kernels.flat import zero_of


@jit.kernel
def sums(x, origin, total, square):
    """Write the sums of x - origin and of its square to total and square; an origin near the mean keeps them exact."""
    length = len(total)
    for k in range(length):
        total[k] = square[k] = 0
    for start in range(0, len(x), length):
        for k in range(min(length, len(x) - start)):
            distance = x[start + k] - origin[k]
            total[k] += distance
            square[k] += distance * distance


@jit.kernel
def normalize(x, mean, factor, offset, rectify, y):
    """Write (x - mean) * factor + offset to y, and its ReLU if `rectify`."""
    length, zero = len(mean), zero_of(x)
    for start in range(0, len(x), length):
        for k in range(min(length, len(x) - start)):
            value = (x[start + k] - mean[k]) * factor[k] + offset[k]
            y[start + k] = zero if rectify and value <= zero else value  # NaN stays


@jit.inline
def _write_slopes(dy, y, start, count, rectify, slopes):
    """Write dy to slopes, or 0 where a ReLU gave y = 0 if `rectify`; LLVM vectorizes short loops with few arrays."""
    zero = zero_of(dy)
    for k in range(count):
        slope = dy[start + k]
        slopes[k] = zero if rectify and not y[start + k] > zero else slope


@jit.kernel
def slope_sums(dy, y, rectify, x, mean, slopes, total, product):
    """Write the sums of the slopes and of slope times x - mean; slopes are as in `_write_slopes`, and so is this scratch."""
    length, zero = len(total), zero_of(x)
    for k in range(length):
        total[k] = product[k] = zero
    for start in range(0, len(x), length):
        count = min(length, len(x) - start)
        _write_slopes(dy, y, start, count, rectify, slopes)
        for k in range(count):
            total[k] += slopes[k]
            product[k] += slopes[k] * (x[start + k] - mean[k])


@jit.kernel
def input_gradient(dy, y, rectify, x, mean, of_slope, of_distance, constant, slopes, dx):
    """Write of_slope * slope + of_distance * (x - mean) + constant to dx; slopes are as in `_write_slopes`."""
    length = len(mean)
    for start in range(0, len(x), length):
        count = min(length, len(x) - start)
        _write_slopes(dy, y, start, count, rectify, slopes)
        for k in range(count):
            dx[start + k] = of_slope[k] * slopes[k] + of_distance[k] * (x[start + k] - mean[k]) + constant[k]
