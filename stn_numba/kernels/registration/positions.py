"""Where the pixels of a strip read an image, under a matrix.

Positions are computed in float32, relative to a pixel in the middle of the strip: so they are exact to 1e-5 of a pixel in
images of any size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import STRIP
from stn_numba.kernels.registration.gather import put_offsets
from stn_numba.kernels.registration.rows import INVERSE, OFFSETS, PX, PY, TX, TY, WEIGHT, put
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import put_product
from stn_numba.kernels.simd.vectors import EIGHT, arange, astype, floor, fma, full, maximum, minimum, where

ROUNDING = 2.0**-14  # of positions, in pixels


class Lines(NamedTuple):
    """X, Y and Z of a matrix along a row of pixels: slope * column + start each."""

    x_slope: float
    x: float
    y_slope: float
    y: float
    z_slope: float
    z: float


class Limits(NamedTuple):
    """Size of an image, and elements from a row to the next."""

    W: int
    H: int
    step: int


@jit.inline
def lines_of_row(matrix, axes, i):
    """The `Lines` of row i, for the address of a matrix."""
    u_slope, u, v_slope, v_start = axes
    v = v_slope * i + v_start
    a, b, c = load(matrix, 0.0), load(matrix + 8, 0.0), load(matrix + 16, 0.0)
    d, e, f = load(matrix + 24, 0.0), load(matrix + 32, 0.0), load(matrix + 40, 0.0)
    g, h, k = load(matrix + 48, 0.0), load(matrix + 56, 0.0), load(matrix + 64, 0.0)
    x, y, z = a * u + (b * v + c), d * u + (e * v + f), g * u + (h * v + k)
    return Lines(a * u_slope, x, d * u_slope, y, g * u_slope, z)


@jit.inline
def pixel_before(position, size):
    """The whole number before a position, within [0, size - 2]; 0 for NaN."""
    last = np.float64(greatest(size - 2, np.int64(0)))
    before = np.floor(position) if position > 0.0 else 0.0
    return np.int64(before if before < last else last)


@jit.inline
def strip_positions(lines, limits, projective, first, count, work):
    """Fill the rows of offsets, fractions and weights (1 inside, 0 outside) of a strip; return (first offset, pixels inside).

    The first offset is that of the pixel from which the row of offsets counts, in elements.
    """
    middle = np.float64(first + least(count, STRIP) // 2)
    x, y, z = lines.x_slope * middle + lines.x, lines.y_slope * middle + lines.y, lines.z_slope * middle + lines.z
    scale = 1.0 / z if projective else 1.0
    column, line = pixel_before(x * scale, limits.W), pixel_before(y * scale, limits.H)
    at = np.float64(column), np.float64(line), first - middle
    if projective:
        inside = projective_strip(lines, (x, y, z), limits, at, count, work)
    else:
        inside = affine_strip(lines, (x, y), limits, at, count, work)
    clear_behind(count, work)
    return line * limits.step + column, inside


@jit.inline
def clear_behind(count, work):
    """Clear the weights of lanes behind the strip."""
    for j in range(count, (count + 7) // 8 * 8):
        put_product(work + WEIGHT, j, np.float32(0))


@jit.inline
def affine_strip(lines, middle, limits, at, count, work):
    """As `strip_positions`, without division."""
    column, line, start = at
    x0, y0 = np.float32(middle[0] - column), np.float32(middle[1] - line)
    x_slope, y_slope, inside = np.float32(lines.x_slope), np.float32(lines.y_slope), 0
    for j in range(0, count, 8):
        columns = astype(arange(EIGHT), np.float32(0)) + np.float32(start + j)
        x, y = fma(columns, x_slope, x0), fma(columns, y_slope, y0)
        mask = is_inside(x, y, limits, column, line)
        put_taps(x, y, mask, limits, column, line, j, work)
        inside += mask_bits(mask)
    return inside


@jit.inline
def projective_strip(lines, middle, limits, at, count, work):
    """As `strip_positions`, with 1 / Z and the positions in rows of their own."""
    column, line, start = at
    x0, y0, z0 = np.float32(middle[0] - column * middle[2]), np.float32(middle[1] - line * middle[2]), np.float32(middle[2])
    x_slope = np.float32(lines.x_slope - column * lines.z_slope)
    y_slope = np.float32(lines.y_slope - line * lines.z_slope)
    z_slope, inside = np.float32(lines.z_slope), 0
    for j in range(0, count, 8):
        columns = astype(arange(EIGHT), np.float32(0)) + np.float32(start + j)
        z = fma(columns, z_slope, z0)
        inverse = full(EIGHT, np.float32(1)) / z
        x, y = fma(columns, x_slope, x0) * inverse, fma(columns, y_slope, y0) * inverse
        mask = is_inside(x, y, limits, column, line) & (z > 0.0)
        put_taps(x, y, mask, limits, column, line, j, work)
        put(work + INVERSE, j, where(mask, inverse, 0.0))
        put(work + PX, j, where(mask, x + np.float32(column), 0.0))
        put(work + PY, j, where(mask, y + np.float32(line), 0.0))
        inside += mask_bits(mask)
    return inside


@jit.inline
def is_inside(x, y, limits, column, line):
    """Whether positions relative to a pixel are in the image, or beyond its last pixels by no more than rounding."""
    left, above = np.float32(-column - ROUNDING), np.float32(-line - ROUNDING)
    right, below = np.float32(limits.W - 1 - column + ROUNDING), np.float32(limits.H - 1 - line + ROUNDING)
    return (x >= left) & (x <= right) & (y >= above) & (y <= below)


@jit.inline
def put_taps(x, y, mask, limits, column, line, j, work):
    """Write offset, fractions and weight of eight pixels; taps are in the image whatever the position."""
    left, above = np.float32(-column), np.float32(-line)
    right = np.float32(greatest(limits.W - 2, np.int64(0)) - column)
    below = np.float32(greatest(limits.H - 2, np.int64(0)) - line)
    before_x = minimum(maximum(floor(x), left), right)
    before_y = minimum(maximum(floor(y), above), below)
    put_offsets(work + OFFSETS, j, before_x, before_y, limits.step)
    put(work + TX, j, where(mask, x - before_x, 0.0))
    put(work + TY, j, where(mask, y - before_y, 0.0))
    put(work + WEIGHT, j, where(mask, full(EIGHT, np.float32(1)), 0.0))
