"""A batch of images read bilinearly through affine maps, with zeros beyond the edge, as training needs it.

`stn_numba.sampler` does the same for every grid, kernel and padding. Here the slopes of each output by its position are kept on
the way forward, when the taps are at hand: the way back by the map then reads no image at all.

Serial only: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit

MARGIN = 2  # zeros on each side of an image: positions are held within them, where value and slopes are zero


@jit.serial
def attend(image, matrix, out, x_slope, y_slope, padded, columns, rows, channels, places, taps):
    """Outputs (N, h, w * C), and their slopes by x and y, in pixels, for maps (N, 2, 3) of output pixels to input pixels.

    Some output rows at a time are one long strip of S values, so that loops are long enough for vectors. Of each value in a
    strip `columns`, `rows` and `channels` (S,) say where it lies. Scratch: `padded` (H + 2 MARGIN, W + 2 MARGIN, C), all zero;
    `places` (S,) of whole numbers; `taps` (6, S).
    """
    H, W, C = image.shape[1:]
    number, whole = out.dtype.type, channels.dtype.type
    flat, padded_rows, image_rows = padded.reshape(-1), padded.reshape(H + 2 * MARGIN, -1), image.reshape(-1, H, W * C)
    width, right, down = whole(W + 2 * MARGIN), np.uintp(C), np.uintp((W + 2 * MARGIN) * C)
    low, far_right, bottom, margin = number(-MARGIN), number(W), number(H), number(MARGIN)
    upper_left, upper_right, lower_left, lower_right, share_x, share_y = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    height = len(columns) // out.shape[2]
    flat_out, flat_x_slope, flat_y_slope = out.reshape(-1), x_slope.reshape(-1), y_slope.reshape(-1)
    for n in range(out.shape[0]):
        for i in range(H):
            source, target = image_rows[n, i], padded_rows[i + MARGIN]
            for k in range(W * C):
                target[MARGIN * C + k] = source[k]
        (xx, xy, x0), (yx, yy, y0) = matrix[n, 0], matrix[n, 1]
        for i in range(0, out.shape[1], height):
            count = min(height, out.shape[1] - i) * out.shape[2]
            first_x, first_y = xy * number(i) + x0, yy * number(i) + y0
            for k in range(count):
                x, y = xx * columns[k] + xy * rows[k] + first_x, yx * columns[k] + yy * rows[k] + first_y
                x = x if x > low else low  # as is what is not a number
                y = y if y > low else low
                x = (x if x < far_right else far_right) + margin
                y = (y if y < bottom else bottom) + margin
                column, row = whole(x), whole(y)
                places[k] = (row * width + column) * whole(C) + channels[k]
                share_x[k], share_y[k] = x - number(column), y - number(row)
            for k in range(count):
                place = np.uintp(places[k])
                upper_left[k], upper_right[k] = flat[place], flat[place + right]
                lower_left[k], lower_right[k] = flat[place + down], flat[place + down + right]
            start = (n * out.shape[1] + i) * out.shape[2]
            y, by_x, by_y = flat_out[start:], flat_x_slope[start:], flat_y_slope[start:]
            for k in range(count):
                slope_above, slope_below = upper_right[k] - upper_left[k], lower_right[k] - lower_left[k]
                above, below = upper_left[k] + share_x[k] * slope_above, lower_left[k] + share_x[k] * slope_below
                y[k] = above + share_y[k] * (below - above)
                by_x[k] = slope_above + share_y[k] * (slope_below - slope_above)
                by_y[k] = below - above


@jit.serial
def matrix_gradient(d_out, x_slope, y_slope, channels, matrix, sums, d_matrix):
    """Gradient (N, 3, 3) by the maps (N, 2, 3), for arrays (N, h, w * channels); `sums` is scratch (6, w * channels).

    The last row, by which positions are divided, is (0, 0, 1) here, and has a gradient nevertheless: minus the position's.
    """
    for n in range(d_out.shape[0]):
        sums[:] = 0
        for i in range(d_out.shape[1]):
            place = d_out.dtype.type(i)
            for k in range(d_out.shape[2]):
                by_x = d_out[n, i, k] * x_slope[n, i, k]
                by_y = d_out[n, i, k] * y_slope[n, i, k]
                sums[0, k] += by_x
                sums[1, k] += by_x * place
                sums[2, k] += by_x * place * place
                sums[3, k] += by_y
                sums[4, k] += by_y * place
                sums[5, k] += by_y * place * place
        d_matrix[n] = 0
        for k in range(d_out.shape[2]):
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
