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
def attend(image, matrix, out, x_slope, y_slope, padded, places, taps):
    """Outputs (N, h, w * C), and their slopes by x and y, in pixels, for maps (N, 2, 3) of output pixels to input pixels.

    Scratch: `padded` (H + 2 MARGIN, W + 2 MARGIN, C), all zero; `places` (w,) of whole numbers; `taps` (6, w * C).
    """
    H, W, C = image.shape[1:]
    flat, width = padded.reshape(-1), W + 2 * MARGIN
    down = np.uintp(width * C)
    low, right, bottom = -float(MARGIN), float(W), float(H)
    for n in range(out.shape[0]):
        for i in range(H):
            for j in range(W):
                for c in range(C):
                    padded[i + MARGIN, j + MARGIN, c] = image[n, i, j, c]
        for i in range(out.shape[1]):
            step_x, step_y = matrix[n, 0, 0], matrix[n, 1, 0]
            start_x, start_y = matrix[n, 0, 1] * i + matrix[n, 0, 2], matrix[n, 1, 1] * i + matrix[n, 1, 2]
            for j in range(len(places)):
                x, y = step_x * j + start_x, step_y * j + start_y
                x = x if x > low else low  # as is what is not a number
                y = y if y > low else low
                x = (x if x < right else right) + MARGIN
                y = (y if y < bottom else bottom) + MARGIN
                k, r = np.int64(x), np.int64(y)
                places[j] = (r * width + k) * C
                taps[4, j], taps[5, j] = x - k, y - r
            if C > 1:
                for j in range(len(places) - 1, -1, -1):
                    for c in range(C):
                        taps[4, j * C + c], taps[5, j * C + c] = taps[4, j], taps[5, j]
            for j in range(len(places)):
                for c in range(C):
                    place, k = np.uintp(places[j] + c), j * C + c
                    taps[0, k], taps[1, k] = flat[place], flat[place + np.uintp(C)]
                    taps[2, k], taps[3, k] = flat[place + down], flat[place + down + np.uintp(C)]
            for k in range(out.shape[2]):
                slope_above, slope_below = taps[1, k] - taps[0, k], taps[3, k] - taps[2, k]
                above, below = taps[0, k] + taps[4, k] * slope_above, taps[2, k] + taps[4, k] * slope_below
                out[n, i, k] = above + taps[5, k] * (below - above)
                x_slope[n, i, k] = slope_above + taps[5, k] * (slope_below - slope_above)
                y_slope[n, i, k] = below - above


@jit.serial
def matrix_gradient(d_out, x_slope, y_slope, channels, sums, d_matrix):
    """Gradient (N, 2, 3) by the maps, for arrays (N, h, w * channels); `sums` is scratch (4, w * channels)."""
    for n in range(d_out.shape[0]):
        sums[:] = 0
        for i in range(d_out.shape[1]):
            place = d_out.dtype.type(i)
            for k in range(d_out.shape[2]):
                by_x = d_out[n, i, k] * x_slope[n, i, k]
                by_y = d_out[n, i, k] * y_slope[n, i, k]
                sums[0, k] += by_x
                sums[1, k] += by_x * place
                sums[2, k] += by_y
                sums[3, k] += by_y * place
        d_matrix[n] = 0
        for k in range(d_out.shape[2]):
            for axis in range(2):
                d_matrix[n, axis, 0] += np.float64(sums[2 * axis, k]) * (k // channels)
                d_matrix[n, axis, 1] += sums[2 * axis + 1, k]
                d_matrix[n, axis, 2] += sums[2 * axis, k]
