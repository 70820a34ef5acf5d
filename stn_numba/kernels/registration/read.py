"""Values and gradients of an image at the positions of a strip, from 2 x 2 taps or from 4 x 4 coefficients of a cubic spline.

Coefficients have a margin: the kernels' address of pixel (0, 0) is that of the tap before it.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import LINEAR
from stn_numba.kernels.registration.gather import gather_fours, gather_pairs
from stn_numba.kernels.registration.rows import GX, GY, OFFSETS, TX, TY, M, get, put
from stn_numba.kernels.simd.vectors import fma


@jit.inline
def read_strip(kernel, image, step, count, work):
    """Fill the rows M, GX and GY; `image` is the address that offsets count from, `step` the elements to the next row."""
    if kernel == LINEAR:
        read_linear(image, 4 * step, count, work)
    else:
        read_spline(image, 4 * step, count, work)


@jit.inline
def read_linear(image, down, count, work):
    """As `read_strip`, between 2 x 2 pixels."""
    for j in range(0, count, 8):
        left, right = gather_pairs(image, work + OFFSETS, j)
        lower_left, lower_right = gather_pairs(image + down, work + OFFSETS, j)
        x, y = get(work + TX, j), get(work + TY, j)
        slope, lower_slope = right - left, lower_right - lower_left
        upper = fma(x, slope, left)
        gy = fma(x, lower_slope, lower_left) - upper
        put(work + M, j, fma(y, gy, upper))
        put(work + GX, j, fma(y, lower_slope - slope, slope))
        put(work + GY, j, gy)


@jit.inline
def read_spline(image, down, count, work):
    """As `read_strip`, between 4 x 4 coefficients of a spline."""
    for j in range(0, count, 8):
        x, y = spline_weights(get(work + TX, j)), spline_weights(get(work + TY, j))
        slopes_x, slopes_y = spline_slopes(get(work + TX, j)), spline_slopes(get(work + TY, j))
        m, gx = along_row(gather_fours(image, work + OFFSETS, j), x, slopes_x)
        gy, m, gx = m * slopes_y[0], m * y[0], gx * y[0]
        value, slope = along_row(gather_fours(image + down, work + OFFSETS, j), x, slopes_x)
        gy, m, gx = fma(value, slopes_y[1], gy), fma(value, y[1], m), fma(slope, y[1], gx)
        value, slope = along_row(gather_fours(image + 2 * down, work + OFFSETS, j), x, slopes_x)
        gy, m, gx = fma(value, slopes_y[2], gy), fma(value, y[2], m), fma(slope, y[2], gx)
        value, slope = along_row(gather_fours(image + 3 * down, work + OFFSETS, j), x, slopes_x)
        put(work + M, j, fma(value, y[3], m))
        put(work + GX, j, fma(slope, y[3], gx))
        put(work + GY, j, fma(value, slopes_y[3], gy))


@jit.inline
def along_row(taps, weights, slopes):
    """Sums of four taps times their weights, and times their slopes."""
    a, b, c, d = taps
    value = fma(d, weights[3], fma(c, weights[2], fma(b, weights[1], a * weights[0])))
    return value, fma(d, slopes[3], fma(c, slopes[2], fma(b, slopes[1], a * slopes[0])))


@jit.inline
def spline_weights(t):
    """Weights of four coefficients of a cubic B-spline at a fraction of a pixel."""
    s, square = 1.0 - t, t * t
    first, second = s * s * s * np.float32(1 / 6), square * (t * 0.5 - 1.0) + np.float32(2 / 3)
    last = square * t * np.float32(1 / 6)
    return first, second, 1.0 - first - second - last, last


@jit.inline
def spline_slopes(t):
    """Derivatives of `spline_weights` by t."""
    s = 1.0 - t
    first, second, last = -0.5 * s * s, t * (1.5 * t - 2.0), 0.5 * t * t
    return first, second, 0.0 - first - second - last, last
