"""Weights of the pixels of a strip: masks of both images, and a factor that limits the influence of large residuals."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import HUBER, NOT_ROBUST
from stn_numba.kernels.registration.gather import gather_pairs
from stn_numba.kernels.registration.rows import GX, GY, OFFSETS, OVERLAP, TX, TY, WEIGHT, F, M, get, put
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.scratch import put_product
from stn_numba.kernels.simd.vectors import EIGHT, fma, full, maximum, minimum, where


@jit.inline
def copy_row(source, count, row):
    """Copy a strip of an image to a scratch row, with zeros behind it."""
    whole = count // 8 * 8
    for j in range(0, whole, 8):
        put(row, j, load(source + 4 * j, np.float32(0), EIGHT))
    if whole < count:
        put(row, whole, full(EIGHT, np.float32(0)))
        for j in range(whole, count):
            put_product(row, j, load(source + 4 * j, np.float32(0)))


@jit.inline
def multiply_by_mask(mask, step, count, work):
    """Multiply weights by a mask of the moving image, read linearly; pixels next to a zero of it do not count."""
    for j in range(0, count, 8):
        left, right = gather_pairs(mask, work + OFFSETS, j)
        lower_left, lower_right = gather_pairs(mask + 4 * step, work + OFFSETS, j)
        x, y = get(work + TX, j), get(work + TY, j)
        upper, lower = fma(x, right - left, left), fma(x, lower_right - lower_left, lower_left)
        least = minimum(minimum(left, right), minimum(lower_left, lower_right))
        value = fma(y, lower - upper, upper)
        put(work + WEIGHT, j, where(least > 0.0, value, 0.0) * get(work + WEIGHT, j))


@jit.inline
def multiply_by_row(row, count, work):
    """Multiply weights by those of the fixed image, in a scratch row; what is not above 0 counts as 0."""
    for j in range(0, count, 8):
        factor = get(row, j)
        put(work + WEIGHT, j, where(factor > 0.0, factor, 0.0) * get(work + WEIGHT, j))


@jit.inline
def clear_weightless(count, work):
    """Clear values and gradients of pixels without a weight: they may be NaN."""
    for j in range(0, count, 8):
        counts = get(work + WEIGHT, j) > 0.0
        for row in (work + M, work + GX, work + GY, work + F):
            put(row, j, where(counts, get(row, j), 0.0))


@jit.inline
def keep_overlap(count, work):
    """Copy the weights to a row of their own, which the robust factor leaves alone."""
    for j in range(0, count, 8):
        put(work + OVERLAP, j, get(work + WEIGHT, j))


@jit.inline
def multiply_by_robust(robust, gain, bias, threshold, count, work):
    """Multiply weights by Huber's or Tukey's, for the residual gain * m + bias - f.

    Huber's falls from 1 beyond the threshold, Tukey's is 0 there.
    """
    if robust == NOT_ROBUST:
        return
    gain, bias, limit, inverse = np.float32(gain), np.float32(bias), np.float32(threshold), np.float32(1.0 / threshold)
    for j in range(0, count, 8):
        residual = abs(fma(get(work + M, j), gain, bias - get(work + F, j)))
        if robust == HUBER:
            factor = limit / maximum(residual, limit)
        else:
            ratio = residual * inverse
            part = maximum(1.0 - ratio * ratio, 0.0)
            factor = part * part
        put(work + WEIGHT, j, factor * get(work + WEIGHT, j))
