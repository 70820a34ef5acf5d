"""Strips of output pixels: how many rows they hold, and their positions, as the padding wants them."""

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
from stn_numba.kernels.sampling import edge_taps
from stn_numba.kernels.sampling.positions import row_positions
from stn_numba.kernels.sampling.workspace import to_next
from stn_numba.kernels.simd.load_store import size_of
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import positions, products, put_positions, put_products
from stn_numba.kernels.simd.vectors import EIGHT, narrowed, times, where_not_zero, widened


@jit.inline
def rows_together(rule, image, out, w, C, channels):
    """How many output rows one strip holds: several, one behind the other, of planes or of at most so many `channels`.

    A row on its own costs as much as some dozens of pixels. Pixels need not all be inside then (`anywhere`), which is dear
    where a pixel is.
    """
    behind = out.y_step == w * out.x_step
    several = behind and anywhere(rule) and (channels >= C or is_plane(rule, image, out, C))
    return greatest(np.int64(1), STRIP // w) if several else np.int64(1)


@jit.inline
def is_plane(rule, image, out, C):
    """Whether pixels of one channel are read side by side, in pairs."""
    size = size_of(image.like)
    packed = image.c_step == size and out.c_step == size_of(out.like)
    return rule.family == BILINEAR and to_next(rule.x_axis, image.x_step) == size and (C == 1 or not packed)


@jit.inline
def is_words(rule, image, out, C):
    """Whether pixels of three or four bytes are read side by side, as words; `image` is read, not added to."""
    bytes_only = size_of(image.like) == 1 and size_of(out.like) == 1
    packed = image.c_step == 1 and out.c_step == 1 and to_next(rule.x_axis, image.x_step) == C
    return bytes_only and packed and rule.family == BILINEAR and 3 <= C <= 4


@jit.inline
def anywhere(rule):
    """Whether `inside_taps` serves all positions: beyond the image the weights of a tent vanish by themselves."""
    return rule.family == BILINEAR and rule.x_axis[MODE] == ZEROS and rule.fills == NO_FILL


@jit.inline
def image_and_row(row, source, size):
    """Output image n and row i of the row that is so and so many through all images.

    Grids of one basis take turns row by row: each strip of basis functions is fetched once for all images.
    """
    batch, h, w, _ = size
    return (row % batch, row // batch) if source.kind == BASIS and w > STRIP // 2 else (row // h, row % h)


@jit.inline
def prepare_positions(rule, source, n, i, first, count, rows, together, by_grid):
    """Positions of `count` pixels of row i of grid n from column `first` on, hidden, limited and folded as the padding wants.

    Or of so many rows together. Returns whether anything was changed, so that signs matter. `by_grid`: for the gradient by the
    positions, which is that from the right.
    """
    x_axis, y_axis, xs, ys = rule.x_axis, rule.y_axis, rows.xs, rows.ys
    for k in range(together):
        row_positions(source, n, i + k, first, count, xs + 8 * k * count, ys + 8 * k * count)
    count *= together
    if rows.x_places == xs:
        return False
    if rule.family == NEAREST:  # which pixel is read decides whether it lies outside
        edge_taps.round_row(count, xs, rows.x_places)
        edge_taps.round_row(count, ys, rows.y_places)
        xs, ys = rows.x_places, rows.y_places
    if rule.fills == FILL_OUTSIDE:
        edge_taps.hide_outside(x_axis, y_axis, count, xs, ys, rows.x_places, rows.y_places)
        xs, ys = rows.x_places, rows.y_places
    mode = x_axis[MODE]
    if mode >= REFLECT:
        edge_taps.fold_row(x_axis, count, xs, rows.x_places, rows.x_signs, by_grid)
        edge_taps.fold_row(y_axis, count, ys, rows.y_places, rows.y_signs, by_grid)
    elif mode == BORDER and rule.family != POLYNOMIAL:
        edge_taps.limit_row(x_axis, count, xs, rows.x_places, rows.x_signs)
        edge_taps.limit_row(y_axis, count, ys, rows.y_places, rows.y_signs)
    return mode >= REFLECT or (mode == BORDER and rule.family != POLYNOMIAL)


@jit.inline
def take_signs(count, rows, zero):
    """The chain rule through what the padding did to the positions; where nothing is left of a gradient, its position is 0."""
    for xs, signs, gradients in ((rows.xs, rows.x_signs, rows.gx), (rows.ys, rows.y_signs, rows.gy)):
        for j in range(0, count, 8):
            sign, gradient = narrowed(products(signs, 0.0, j, EIGHT), zero), products(gradients, zero, j, EIGHT)
            # zero times a gradient that is not finite is zero; behind the strip gradients are zero, and signs anything
            gradient = where_not_zero(where_not_zero(times(gradient, sign), sign), gradient)
            put_products(gradients, j, gradient)
            put_positions(xs, j, where_not_zero(positions(xs, 0.0, j, EIGHT), widened(gradient)))
