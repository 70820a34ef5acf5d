"""Sample a batch bilinearly through affine maps, with zeros beyond the edge, and keep the slopes.

`stn_numba.sampler` samples on every grid, with every kernel and padding. In training, this kernel also keeps the slope of each
output by its position while its four pixels are loaded, so the backward pass by the map reads no image. A training step of
`models.st_fcn` is a sixth faster with it.

The caller splits the batch among threads.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.load_store import address_of
from stn_numba.nn.kernels.constants import MARGIN
from stn_numba.nn.kernels.flat import copy, fill, get, put, zero_of


@jit.kernel
def sample_with_slopes(image, matrix, out, x_slope, y_slope, padded, columns, rows, channels, places, taps):
    """Outputs (N, h, w * C), and their slopes by x and y, in pixels, for images (N, H, W, C) and maps (N, 2, 3).

    The maps take output pixels to input pixels. Some output rows at a time are one long strip of S values, so that loops are
    long enough for vectors. Of each value in a strip `columns` and `rows` (S,), floats of the dtype of the images, and
    `channels` (S,), int32, say where it lies. Scratch: `padded` (H + 2 MARGIN, W + 2 MARGIN, C), all zero; `places` (S,) like
    `channels`; `taps` (6, S) like the images.
    """
    H, W, C = image.shape[1], image.shape[2], image.shape[3]
    h, width_out, S = out.shape[1], out.shape[2], len(columns)
    like, item = zero_of(image), image.itemsize
    number, whole = out.dtype.type, channels.dtype.type
    image0, padded0, taps0 = address_of(image), address_of(padded), address_of(taps)
    upper_left, upper_right, lower_left, lower_right = taps0, taps0 + S * item, taps0 + 2 * S * item, taps0 + 3 * S * item
    share_x, share_y = taps0 + 4 * S * item, taps0 + 5 * S * item
    out0, x_slope0, y_slope0 = address_of(out), address_of(x_slope), address_of(y_slope)
    width, right, down = whole(W + 2 * MARGIN), C, (W + 2 * MARGIN) * C
    low, far_right, bottom, margin = number(-MARGIN), number(W), number(H), number(MARGIN)
    height = S // width_out
    for n in range(out.shape[0]):
        pad(image0 + n * H * W * C * item, padded0, H, W, C, item, like)
        xx, xy, x0 = matrix[n, 0, 0], matrix[n, 0, 1], matrix[n, 0, 2]
        yx, yy, y0 = matrix[n, 1, 0], matrix[n, 1, 1], matrix[n, 1, 2]
        for strip in range((h + height - 1) // height):
            i = strip * height
            count = min(height, h - i) * width_out
            first_x, first_y = xy * number(i) + x0, yy * number(i) + y0
            for k in range(count):
                x, y = xx * columns[k] + xy * rows[k] + first_x, yx * columns[k] + yy * rows[k] + first_y
                x = x if x > low else low  # as is what is not a number
                y = y if y > low else low
                x = (x if x < far_right else far_right) + margin
                y = (y if y < bottom else bottom) + margin
                column, row = whole(x), whole(y)
                places[k] = (row * width + column) * whole(C) + channels[k]
                put(share_x, k, like, x - number(column))
                put(share_y, k, like, y - number(row))
            for k in range(count):
                place = np.int64(places[k])
                put(upper_left, k, like, get(padded0, place, like))
                put(upper_right, k, like, get(padded0, place + right, like))
                put(lower_left, k, like, get(padded0, place + down, like))
                put(lower_right, k, like, get(padded0, place + down + right, like))
            start = (n * h + i) * width_out * item
            y_at, by_x_at, by_y_at = out0 + start, x_slope0 + start, y_slope0 + start
            corners = upper_left, upper_right, lower_left, lower_right, share_x, share_y
            blend(y_at, by_x_at, by_y_at, corners, count, like)


@jit.inline
def pad(image, padded, H, W, C, item, like):
    """Copy an image to the middle of a larger one; both are addresses."""
    for i in range(H):
        start = ((i + MARGIN) * (W + 2 * MARGIN) + MARGIN) * C * item
        copy(image + i * W * C * item, padded + start, W * C, like)


@jit.inline
def blend(y_at, by_x_at, by_y_at, corners, count, like):
    """Write `count` outputs and their slopes by x and y; all but `count` and `like` are addresses."""
    upper_left, upper_right, lower_left, lower_right, share_x, share_y = corners
    for k in range(count):
        left_above, left_below = get(upper_left, k, like), get(lower_left, k, like)
        slope_above, slope_below = get(upper_right, k, like) - left_above, get(lower_right, k, like) - left_below
        across, along = get(share_x, k, like), get(share_y, k, like)
        above, below = left_above + across * slope_above, left_below + across * slope_below
        put(y_at, k, like, above + along * (below - above))
        put(by_x_at, k, like, slope_above + along * (slope_below - slope_above))
        put(by_y_at, k, like, below - above)


@jit.kernel
def matrix_gradient(d_out, x_slope, y_slope, channels, matrix, sums, d_matrix):
    """Gradient (N, 3, 3), float64, by the maps (N, 2, 3), for arrays (N, h, w * channels); `sums` is scratch (6, w * channels).

    The last row, by which positions are divided, is (0, 0, 1) here, and has a gradient nevertheless: minus the position's.
    """
    zero, width = zero_of(sums), d_out.shape[2]
    for n in range(d_out.shape[0]):
        fill(address_of(sums), 6 * width, zero)
        for i in range(d_out.shape[1]):
            place = d_out.dtype.type(i)
            for k in range(width):
                by_x = d_out[n, i, k] * x_slope[n, i, k]
                by_y = d_out[n, i, k] * y_slope[n, i, k]
                sums[0, k] += by_x
                sums[1, k] += by_x * place
                sums[2, k] += by_x * place * place
                sums[3, k] += by_y
                sums[4, k] += by_y * place
                sums[5, k] += by_y * place * place
        fill(address_of(d_matrix) + 72 * n, 9, 0.0)
        for k in range(width):
            j = np.float64(k // channels)
            for axis in range(2):
                total, down = np.float64(sums[3 * axis, k]), np.float64(sums[3 * axis + 1, k])
                twice_down = np.float64(sums[3 * axis + 2, k])
                if total == 0 and down == 0 and twice_down == 0:
                    continue  # a position outside may be infinite
                a, b, c = matrix[n, axis, 0], matrix[n, axis, 1], matrix[n, axis, 2]
                d_matrix[n, axis, 0] += total * j
                d_matrix[n, axis, 1] += down
                d_matrix[n, axis, 2] += total
                at = (a * j + c) * total + b * down  # sum of the slopes times the positions
                d_matrix[n, 2, 0] -= at * j
                d_matrix[n, 2, 1] -= (a * j + c) * down + b * twice_down
                d_matrix[n, 2, 2] -= at
