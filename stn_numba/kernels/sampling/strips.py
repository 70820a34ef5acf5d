"""Strips of output pixels: how many rows they hold, and their positions, padded.

A strip is up to `STRIP` neighboring pixels of an output row, or several whole rows of a narrow output one behind the other.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import (
    BASIS,
    BILINEAR,
    BORDER,
    FILL_OUTSIDE,
    MODE,
    NEAREST,
    NO_FILL,
    POLYNOMIAL,
    REFLECT,
    STRIP,
    ZEROS,
)
from stn_numba.kernels.sampling.padding import clip_row, discard_outside, fold_row, round_row
from stn_numba.kernels.sampling.positions import row_positions
from stn_numba.kernels.sampling.workspace import to_next
from stn_numba.kernels.simd.load_store import size_of
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_position, get_product, put_position, put_product
from stn_numba.kernels.simd.vectors import EIGHT, astype, to_float64, where


@jit.inline
def rows_together(sampler, image, out, w, C, channels):
    """How many output rows one strip holds: several of a single plane, or of at most `channels` channels, else one.

    A row by itself costs as much as some dozens of pixels. In several rows the interior is not complete, so all pixels are
    treated as interior (`interior_everywhere`), which takes long where a pixel does.
    """
    contiguous = out.y_step == w * out.x_step
    several = contiguous and interior_everywhere(sampler) and (channels >= C or is_plane(sampler, image, out, C))
    return greatest(np.int64(1), STRIP // w) if several else np.int64(1)


@jit.inline
def is_plane(sampler, image, out, C):
    """Whether the pixels of a channel are contiguous, and read in pairs."""
    size = size_of(image.dtype)
    packed = image.c_step == size and out.c_step == size_of(out.dtype)
    return sampler.family == BILINEAR and to_next(sampler.x_axis, image.x_step) == size and (C == 1 or not packed)


@jit.inline
def is_packed_bytes(sampler, image, out, C):
    """Whether pixels of three or four bytes are read together, see `packed_pixels`."""
    bytes_only = size_of(image.dtype) == 1 and size_of(out.dtype) == 1
    packed = image.c_step == 1 and out.c_step == 1 and to_next(sampler.x_axis, image.x_step) == C
    return bytes_only and packed and sampler.family == BILINEAR and 3 <= C <= 4


@jit.inline
def interior_everywhere(sampler):
    """Whether all pixels can be treated as interior: beyond the image the weights of a tent vanish by themselves."""
    return sampler.family == BILINEAR and sampler.x_axis[MODE] == ZEROS and sampler.fill_mode == NO_FILL


@jit.inline
def image_and_row(row, grid, size):
    """Output image n and its row i, for a row counted through all images.

    Grids of one basis alternate row by row: each strip of basis functions is fetched once for all images.
    """
    batch, h, w, _ = size
    return (row % batch, row // batch) if grid.kind == BASIS and w > STRIP // 2 else (row // h, row % h)


@jit.inline
def strip_positions(sampler, grid, n, i, first, count, work, together, by_grid):
    """Compute and pad the positions of `count` pixels of row i of grid n from column `first` on, or of some rows together.

    Returns whether padding has a derivative other than 1. `by_grid`: for the gradient by the positions, which is that from
    the right.
    """
    x_axis, y_axis, xs, ys = sampler.x_axis, sampler.y_axis, work.x, work.y
    for k in range(together):
        row_positions(grid, n, i + k, first, count, xs + 8 * k * count, ys + 8 * k * count)
    count *= together
    if work.x_padded == xs:
        return False
    if sampler.family == NEAREST:  # the pixel that is read decides whether it lies outside
        round_row(count, xs, work.x_padded)
        round_row(count, ys, work.y_padded)
        xs, ys = work.x_padded, work.y_padded
    if sampler.fill_mode == FILL_OUTSIDE:
        discard_outside(x_axis, y_axis, count, xs, ys, work.x_padded, work.y_padded)
        xs, ys = work.x_padded, work.y_padded
    mode = x_axis[MODE]
    if mode >= REFLECT:
        fold_row(x_axis, count, xs, work.x_padded, work.x_factor, by_grid)
        fold_row(y_axis, count, ys, work.y_padded, work.y_factor, by_grid)
    elif mode == BORDER and sampler.family != POLYNOMIAL:
        clip_row(x_axis, count, xs, work.x_padded, work.x_factor)
        clip_row(y_axis, count, ys, work.y_padded, work.y_factor)
    return mode >= REFLECT or (mode == BORDER and sampler.family != POLYNOMIAL)


@jit.inline
def padding_vjp(count, work, zero):
    """Apply the chain rule through padding to gx and gy; where nothing is left of a gradient, its position becomes 0."""
    for xs, factors, gradients in ((work.x, work.x_factor, work.gx), (work.y, work.y_factor, work.gy)):
        for j in range(0, count, 8):
            factor, gradient = astype(get_product(factors, 0.0, j, EIGHT), zero), get_product(gradients, zero, j, EIGHT)
            # zero times a gradient that is not finite is zero; behind the strip gradients are zero, and factors anything
            gradient = where(gradient != 0.0, where(factor != 0.0, gradient * factor, 0.0), 0.0)
            put_product(gradients, j, gradient)
            put_position(xs, j, where(to_float64(gradient) != 0.0, get_position(xs, j, EIGHT), 0.0))
