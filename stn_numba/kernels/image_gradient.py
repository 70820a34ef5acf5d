"""Gradient of <d_out, out> by the image (equation 6 of arXiv 1506.02025): what each output pixel gives back to its taps.

Several output pixels may add to one input pixel. So tasks are (image, band of its rows), and a task keeps to the taps in
its band: no two write one pixel, and the order of the additions does not depend on the number of threads.
"""

from __future__ import annotations

from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.positions import columns_reaching
from stn_numba.kernels.rows import STRIP, prepare_row, row_addresses, scratch, x_offset, x_weight, y_offset, y_weight
from stn_numba.kernels.taps import BILINEAR, MODE, REFLECT
from stn_numba.kernels.vectors import EIGHT, FOUR, ONE, THREE, accumulate, add_scaled, load, prefetch, size_of, spread


@jit.inline
def give(weight, d_address, d_step, address, step, like, C):
    """Add weight times the channels of d_out to one pixel."""
    zero, size = weight - weight, size_of(like)
    c = 0
    if d_step == size and step == size:
        if C == 3:
            accumulate(address, like, add_scaled(spread(zero, THREE), weight, load(d_address, like, THREE)))
            c = 3
        while c + 8 <= C:
            shift = c * size
            accumulate(address + shift, like, add_scaled(spread(zero, EIGHT), weight, load(d_address + shift, like, EIGHT)))
            c += 8
        while c + 4 <= C:
            shift = c * size
            accumulate(address + shift, like, add_scaled(spread(zero, FOUR), weight, load(d_address + shift, like, FOUR)))
            c += 4
    while c < C:
        accumulate(address + c * step, like, add_scaled(spread(zero, ONE), weight, load(d_address + c * d_step, like, ONE)))
        c += 1


@jit.inline
def scatter_four(j, rows, first, last, d_address, d_step, address, d_image, C):
    """Give one output pixel's gradient to the two-by-two pixels it read, as far as their rows are in [first, last)."""
    zero, like, step, right = rows[5], d_image[1], d_image[5], rows[6]
    u0, u1 = x_weight(rows, 0, j), x_weight(rows, 1, j)
    offset = x_offset(rows, 0, j)
    for a in range(2):
        v = y_weight(rows, a, j)
        if v != zero and first <= offset < last:
            if u0 != zero:
                give(v * u0, d_address, d_step, address + offset, step, like, C)
            if u1 != zero:
                give(v * u1, d_address, d_step, address + offset + right, step, like, C)
        offset += rows[7]


@jit.inline
def scatter_all(K, j, rows, first, last, d_address, d_step, address, d_image, C):
    """As `scatter_four`, for K x K taps."""
    for a in range(K):
        v, below = y_weight(rows, a, j), y_offset(rows, a, j)
        if v != rows[5] and first <= below < last:
            for b in range(K):
                u = x_weight(rows, b, j)
                if u != rows[5]:
                    give(v * u, d_address, d_step, address + below + x_offset(rows, b, j), d_image[5], d_image[1], C)


@jit.inline
def image_gradient_band(task, bands, source, rule, steps, size, work, d_out, d_image):
    """Gradient by one band of rows of one image, from every output that reads it."""
    batch, h, w, C = size
    H, K = int(rule[3][0]), rule[1]
    m, band = task // bands, task % bands
    first_row, last_row = band * H // bands, (band + 1) * H // bands
    first, last = first_row * d_image[3], last_row * d_image[3]
    address = d_image[0] + m * d_image[2]
    scratch_rows = scratch(w, K, work)
    rows = row_addresses(rule, scratch_rows, work.dtype.type(0))
    shared = steps[0] == 0
    for n in range(0 if shared else m, batch if shared else m + 1):
        for i in range(h):
            start, stop = 0, w
            if bands > 1 and rule[3][MODE] < REFLECT:
                low = -1e300 if first_row == 0 else first_row - K / 2
                high = 1e300 if last_row == H else last_row - 1 + K / 2
                start, stop = columns_reaching(source, n * steps[1], i, w, low, high)
            for column in range(start, stop, STRIP):
                count = min(STRIP, stop - column)
                prepare_row(rule, source, n * steps[1], i, column, count, scratch_rows)
                d_row = d_out[0] + n * d_out[2] + i * d_out[3] + column * d_out[4]
                scatter_strip(rule, count, rows, first, last, d_out, d_row, address, d_image, C)


@jit.inline
def scatter_strip(rule, count, rows, first, last, d_out, d_row, address, d_image, C):
    """Give back the gradients of a strip of output pixels."""
    bilinear = rule[0] == BILINEAR
    for j in range(0, count, 2):
        prefetch(address + x_offset(rows, 0, j) + rows[7])
    if bilinear and C == 1:  # numbers of channels known at compile time: far less work
        for j in range(count):
            scatter_four(j, rows, first, last, d_row + j * d_out[4], d_out[5], address, d_image, 1)
    elif bilinear and C == 3:
        for j in range(count):
            scatter_four(j, rows, first, last, d_row + j * d_out[4], d_out[5], address, d_image, 3)
    elif bilinear:
        for j in range(count):
            scatter_four(j, rows, first, last, d_row + j * d_out[4], d_out[5], address, d_image, C)
    else:
        for j in range(count):
            scatter_all(rule[1], j, rows, first, last, d_row + j * d_out[4], d_out[5], address, d_image, C)


@jit.serial
def image_gradient_serial(images, bands, source, rule, steps, size, work, d_out, d_image):
    for task in range(images * bands):
        image_gradient_band(task, bands, source, rule, steps, size, work, d_out, d_image)


@jit.parallel
def image_gradient_parallel(images, bands, source, rule, steps, size, work, d_out, d_image):
    for task in prange(images * bands):
        image_gradient_band(task, bands, source, rule, steps, size, work, d_out, d_image)
