"""Batch normalization: sums for each channel, and the output and the input gradient that follow from them.

Maps are flat, (numbers,). Arrays for the channels have one length: all channels in turn, several times if they are few. Number
k of a map belongs to entry k modulo this length. Callers pass parts of the batch to threads.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit


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
    length = len(mean)
    for start in range(0, len(x), length):
        for k in range(min(length, len(x) - start)):
            value = (x[start + k] - mean[k]) * factor[k] + offset[k]
            y[start + k] = 0 if rectify and value <= 0 else value  # NaN stays


@jit.kernel
def slope_sums(dy, y, rectify, x, mean, total, product):
    """Write the sums of the slopes and of slope times x - mean; slopes are dy, or 0 where a ReLU gave y = 0 if `rectify`."""
    length = len(total)
    for k in range(length):
        total[k] = product[k] = 0
    for start in range(0, len(x), length):
        for k in range(min(length, len(x) - start)):
            slope = 0 if rectify and not y[start + k] > 0 else dy[start + k]
            total[k] += slope
            product[k] += slope * (x[start + k] - mean[k])


@jit.kernel
def input_gradient(dy, y, rectify, x, mean, of_slope, of_distance, constant, dx):
    """Write of_slope * slope + of_distance * (x - mean) + constant to dx, with slopes as in `slope_sums`."""
    length = len(mean)
    for start in range(0, len(x), length):
        for k in range(min(length, len(x) - start)):
            slope = 0 if rectify and not y[start + k] > 0 else dy[start + k]
            dx[start + k] = of_slope[k] * slope + of_distance[k] * (x[start + k] - mean[k]) + constant[k]
