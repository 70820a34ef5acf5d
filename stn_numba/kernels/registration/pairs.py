"""Pairs of images, for all kernels that sum over pixels: their planes, and how a strip is read, compared and weighed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import NOT_ROBUST
from stn_numba.kernels.registration.read import read_strip
from stn_numba.kernels.registration.rows import SLOPE, WEIGHT, F, M, get, put
from stn_numba.kernels.registration.weights import (
    clear_weightless,
    copy_row,
    keep_overlap,
    multiply_by_mask,
    multiply_by_robust,
    multiply_by_row,
)
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.raw import load_raw, store_raw
from stn_numba.kernels.simd.scratch import get_product
from stn_numba.kernels.simd.vectors import where


class Planes(NamedTuple):
    """Images of one channel: address of the first, bytes to the next; 0 where there are none."""

    address: int
    n_step: int


class Options(NamedTuple):
    """How sums are computed."""

    kernel: int  # LINEAR or B_SPLINE
    projective: int  # whether the last row of a matrix may be other than (0, 0, 1)
    robust: int  # NOT_ROBUST, HUBER or TUKEY
    lighting: int  # (N, 3) float64: gain, bias and threshold, for the robust factor


class Pairs(NamedTuple):
    """Moving and fixed images, or volumes, with their weights, and scratch rows for a strip of them."""

    moving: Planes
    mask: Planes
    fixed: Planes
    fixed_weight: Planes
    limits: Any  # `positions.Limits`, or those of volumes
    options: Options
    work: int


@jit.inline
def pairs_of(planes, limits, options, work):
    """The `Pairs` of four planes: moving images, or volumes, their masks, fixed ones and their weights; `limits` are theirs."""
    moving, mask, fixed, weight = planes
    return Pairs(Planes(*moving), Planes(*mask), Planes(*fixed), Planes(*weight), limits, Options(*options), work)


@jit.inline
def plane(planes, n):
    """The address of image n, 0 where there are none."""
    return planes.address + n * planes.n_step


@jit.inline
def image_of(index, step, n):
    """Which image pair n has: by an index (N,) int64 at an address, or n * step where that is 0."""
    return load_raw(index + 8 * n, np.int64(0)) if index else n * step


@jit.inline
def images_of(indices, n):
    """Which moving and which fixed image pair n has, for `indices` = (moving, step, fixed, step)."""
    return image_of(indices[0], indices[1], n), image_of(indices[2], indices[3], n)


@jit.inline
def read_pair(pairs, n, images, place, start, count):
    """Fill the rows M, GX, GY, F and WEIGHT of a strip of pair n.

    `place` is the first pixel in the fixed image, in bytes; `start` the element of the moving image that offsets count from.
    """
    work, limits, options = pairs.work, pairs.limits, pairs.options
    moving, fixed = images
    copy_row(plane(pairs.fixed, fixed) + place, count, work + F)
    read_strip(options.kernel, plane(pairs.moving, moving) + 4 * start, limits.step, count, work)
    if pairs.mask.address:
        multiply_by_mask(plane(pairs.mask, moving) + 4 * start, limits.step, count, work)
    if pairs.fixed_weight.address:
        copy_row(plane(pairs.fixed_weight, fixed) + place, count, work + SLOPE)
        multiply_by_row(work + SLOPE, count, work)
    if pairs.mask.address or pairs.fixed_weight.address:
        clear_weightless(count, work)
    keep_overlap(count, work)
    if options.robust != NOT_ROBUST:
        lighting = options.lighting + 24 * n
        gain, bias, threshold = load(lighting, 0.0), load(lighting + 8, 0.0), load(lighting + 16, 0.0)
        multiply_by_robust(options.robust, gain, bias, threshold, count, work)


@jit.inline
def write_values(count, work, target):
    """Write the values of a strip, NaN without a weight."""
    for j in range(0, count, 8):
        value = where(get(work + WEIGHT, j) > 0.0, get(work + M, j), np.nan)
        if j + 8 <= count:
            store_raw(target + 4 * j, value)
        else:
            put(work + M, j, value)
            for k in range(j, count):
                store_raw(target + 4 * k, get_product(work + M, np.float32(0), k))
