"""Filters of planes (N, H, W) of float32: half the size, smoother, or the coefficients of cubic splines.

Filters are separable: rows are filtered down into a scratch row, which is then filtered across. Beyond an edge images are
mirrored around the edge pixel.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.rows import aligned, get, put
from stn_numba.kernels.registration.shuffles import evens_and_odds, transposed
from stn_numba.kernels.simd.raw import load_raw, store_raw
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import allocate, get_product, put_product, release
from stn_numba.kernels.simd.vectors import EIGHT, SIXTEEN, fma

MARGIN = 64  # floats of a scratch row before the first pixel, at least a filter's radius; and behind the last
PIXEL = np.float32(0)  # any number of the type of pixels


@jit.inline
def mirrored(index, size):
    """An index beyond an edge as that of the pixel which is seen there."""
    inside = abs(index)
    inside = 2 * (size - 1) - inside if inside >= size else inside
    return greatest(0, least(inside, size - 1))


@jit.inline
def filter_down(source, row, size, weights, radius, line):
    """Filter the columns of an image around a row into a scratch row; weights are those of distances 0 to `radius`."""
    h, w = size
    whole = w // 8 * 8
    for j in range(0, whole, 8):
        total = load_raw(source + 4 * (row * w + j), PIXEL, EIGHT) * load_raw(weights, PIXEL)
        for k in range(1, radius + 1):
            above, below = source + 4 * (mirrored(row - k, h) * w + j), source + 4 * (mirrored(row + k, h) * w + j)
            both = load_raw(above, PIXEL, EIGHT) + load_raw(below, PIXEL, EIGHT)
            total = fma(both, load_raw(weights + 4 * k, PIXEL) + 0 * total, total)
        put(line, MARGIN + j, total)
    for j in range(whole, w):
        last = load_raw(source + 4 * (row * w + j), PIXEL) * load_raw(weights, PIXEL)
        for k in range(1, radius + 1):
            above, below = source + 4 * (mirrored(row - k, h) * w + j), source + 4 * (mirrored(row + k, h) * w + j)
            last = fma(load_raw(above, PIXEL) + load_raw(below, PIXEL), load_raw(weights + 4 * k, PIXEL), last)
        put_product(line, MARGIN + j, last)


@jit.inline
def mirror_ends(line, w, radius):
    """Continue a scratch row beyond both ends."""
    for k in range(1, radius + 1):
        put_product(line, MARGIN - k, get_product(line, PIXEL, MARGIN + mirrored(-k, w)))
        put_product(line, MARGIN + w - 1 + k, get_product(line, PIXEL, MARGIN + mirrored(w - 1 + k, w)))


@jit.inline
def write(target, j, count, vector, line):
    """Write the eight pixels from j on of a row of `count`; fewer at its end."""
    if j + 8 <= count:
        store_raw(target + 4 * j, vector)
    else:
        put(line, 0, vector)
        for k in range(j, count):
            store_raw(target + 4 * k, get_product(line, PIXEL, k - j))


@jit.tasks
def halve(first, stop, source, size, bands, weights, out):
    """Filter planes by weights (3) of distances 0 to 2, and keep every other pixel of every other row."""
    h, w = size
    rows, columns = (h + 1) // 2, (w + 1) // 2
    memory = allocate(4 * (w + 4 * MARGIN))
    if memory:
        line = aligned(memory)
        for task in range(first, stop):
            plane, band = task // bands, task % bands
            for i in range(band * rows // bands, (band + 1) * rows // bands):
                filter_down(source + 4 * plane * h * w, 2 * i, size, weights, 2, line)
                mirror_ends(line, w, 2)
                target = out + 4 * (plane * rows + i) * columns
                for j in range(0, columns, 8):
                    place = MARGIN + 2 * j
                    two_before, before = evens_and_odds(get_product(line, PIXEL, place - 2, SIXTEEN))
                    here, behind = evens_and_odds(get_product(line, PIXEL, place, SIXTEEN))
                    two_behind, _ = evens_and_odds(get_product(line, PIXEL, place + 2, SIXTEEN))
                    near, far = load_raw(weights + 4, PIXEL), load_raw(weights + 8, PIXEL)
                    total = here * load_raw(weights, PIXEL) + (before + behind) * near + (two_before + two_behind) * far
                    write(target, j, columns, total, line)
        release(memory)
    return memory != 0


@jit.tasks
def smooth(first, stop, source, size, bands, weights, radius, out):
    """Filter planes by weights (radius + 1) of distances 0 to `radius`, at most `MARGIN` - 8."""
    h, w = size
    memory = allocate(4 * (w + 4 * MARGIN))
    if memory:
        line = aligned(memory)
        for task in range(first, stop):
            plane, band = task // bands, task % bands
            for i in range(band * h // bands, (band + 1) * h // bands):
                filter_down(source + 4 * plane * h * w, i, size, weights, radius, line)
                mirror_ends(line, w, radius)
                target = out + 4 * (plane * h + i) * w
                for j in range(0, w, 8):
                    total = get(line, MARGIN + j) * load_raw(weights, PIXEL)
                    for k in range(1, radius + 1):
                        both = get(line, MARGIN + j - k) + get(line, MARGIN + j + k)
                        total = fma(both, load_raw(weights + 4 * k, PIXEL) + 0 * total, total)
                    write(target, j, w, total, line)
        release(memory)
    return memory != 0


@jit.tasks
def solve_columns(first, stop, planes, size, columns, factors):
    """Solve the equations of splines along the columns of planes (N, H, W) in place, `columns` of them in a task.

    `factors` are two rows (2, H): the forward sweep multiplies a row by the first, and subtracts the second times the row
    above; the backward sweep subtracts the second times the row below. H and W are multiples of 8.
    """
    h, w = size
    blocks = (w + columns - 1) // columns
    for task in range(first, stop):
        plane, left = planes + 4 * (task // blocks) * h * w, task % blocks * columns
        right = least(left + columns, w)
        for i in range(1, h):
            own, above = load_raw(factors + 4 * i, PIXEL), load_raw(factors + 4 * (h + i), PIXEL)
            for j in range(i * w + left, i * w + right, 8):
                put(plane, j, get(plane, j) * own - get(plane, j - w) * above)
        for i in range(h - 2, -1, -1):
            below = load_raw(factors + 4 * (h + i), PIXEL)
            for j in range(i * w + left, i * w + right, 8):
                put(plane, j, get(plane, j) - get(plane, j + w) * below)
    return True


@jit.inline
def get_square(plane, place, w):
    """Eight rows of eight pixels as columns."""
    return transposed(
        get(plane, place), get(plane, place + w), get(plane, place + 2 * w), get(plane, place + 3 * w),
        get(plane, place + 4 * w), get(plane, place + 5 * w), get(plane, place + 6 * w), get(plane, place + 7 * w),
    )  # fmt: skip


@jit.inline
def put_square(plane, place, w, columns):
    """Write eight columns as eight rows."""
    for k, row in enumerate(transposed(*columns)):
        put(plane, place + k * w, row)


@jit.inline
def forward(columns, previous, factors, w):
    """The forward sweep over eight columns."""
    a, b, c, d, e, f, g, h = columns
    a = a * load_raw(factors, PIXEL) - previous * load_raw(factors + 4 * w, PIXEL)
    b = b * load_raw(factors + 4, PIXEL) - a * load_raw(factors + 4 * w + 4, PIXEL)
    c = c * load_raw(factors + 8, PIXEL) - b * load_raw(factors + 4 * w + 8, PIXEL)
    d = d * load_raw(factors + 12, PIXEL) - c * load_raw(factors + 4 * w + 12, PIXEL)
    e = e * load_raw(factors + 16, PIXEL) - d * load_raw(factors + 4 * w + 16, PIXEL)
    f = f * load_raw(factors + 20, PIXEL) - e * load_raw(factors + 4 * w + 20, PIXEL)
    g = g * load_raw(factors + 24, PIXEL) - f * load_raw(factors + 4 * w + 24, PIXEL)
    h = h * load_raw(factors + 28, PIXEL) - g * load_raw(factors + 4 * w + 28, PIXEL)
    return a, b, c, d, e, f, g, h


@jit.inline
def backward(columns, following, factors):
    """The backward sweep over eight columns."""
    a, b, c, d, e, f, g, h = columns
    h = h - following * load_raw(factors + 28, PIXEL)
    g = g - h * load_raw(factors + 24, PIXEL)
    f = f - g * load_raw(factors + 20, PIXEL)
    e = e - f * load_raw(factors + 16, PIXEL)
    d = d - e * load_raw(factors + 12, PIXEL)
    c = c - d * load_raw(factors + 8, PIXEL)
    b = b - c * load_raw(factors + 4, PIXEL)
    a = a - b * load_raw(factors, PIXEL)
    return a, b, c, d, e, f, g, h


@jit.tasks
def solve_rows(first, stop, planes, size, factors):
    """As `solve_columns` along the rows, eight of them in a task; `factors` are (2, W)."""
    h, w = size
    for task in range(first, stop):
        plane = planes + 4 * task * 8 * w
        last = get(plane, 0) * PIXEL
        for j in range(0, w, 8):
            columns = forward(get_square(plane, j, w), last, factors + 4 * j, w)
            put_square(plane, j, w, columns)
            last = columns[7]
        last = last * PIXEL
        for j in range(w - 8, -8, -8):
            columns = backward(get_square(plane, j, w), last, factors + 4 * (w + j))
            put_square(plane, j, w, columns)
            last = columns[0]
    return True
