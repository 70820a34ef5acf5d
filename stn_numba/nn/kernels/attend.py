"""A batch of images read bilinearly through affine maps, with zeros beyond the edge, as training needs it.

`stn_numba.sampler` does the same for every grid, kernel and padding. Here the slopes of each output by its position are kept on
the way forward, when the taps are at hand: the way back by the map then reads no image at all.

Serial only: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

import math

from stn_numba.kernels import jit


@jit.serial
def attend(image, matrix, out, slopes):
    """Outputs (N, h, w, C), and their slopes (N, h, w, C, 2) by x and y, in pixels, for maps (N, 2, 3) of pixels to pixels."""
    H, W, C = image.shape[1:]
    zero = image.dtype.type(0)
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            start_x, start_y = matrix[n, 0, 1] * i + matrix[n, 0, 2], matrix[n, 1, 1] * i + matrix[n, 1, 2]
            for j in range(out.shape[2]):
                x, y = matrix[n, 0, 0] * j + start_x, matrix[n, 1, 0] * j + start_y
                if not (-1 < x < W and -1 < y < H):  # nor is NaN
                    for c in range(C):
                        out[n, i, j, c] = slopes[n, i, j, c, 0] = slopes[n, i, j, c, 1] = zero
                    continue
                left, top = math.floor(x), math.floor(y)
                u, v = image.dtype.type(x - left), image.dtype.type(y - top)
                k, r = int(left), int(top)
                if 0 <= k < W - 1 and 0 <= r < H - 1:
                    for c in range(C):
                        a, b = image[n, r, k, c], image[n, r, k + 1, c]
                        above, slope_above = a + u * (b - a), b - a
                        a, b = image[n, r + 1, k, c], image[n, r + 1, k + 1, c]
                        below, slope_below = a + u * (b - a), b - a
                        out[n, i, j, c] = above + v * (below - above)
                        slopes[n, i, j, c, 0] = slope_above + v * (slope_below - slope_above)
                        slopes[n, i, j, c, 1] = below - above
                    continue
                for c in range(C):
                    a = image[n, r, k, c] if r >= 0 and k >= 0 else zero
                    b = image[n, r, k + 1, c] if r >= 0 and k + 1 < W else zero
                    above, slope_above = a + u * (b - a), b - a
                    a = image[n, r + 1, k, c] if r + 1 < H and k >= 0 else zero
                    b = image[n, r + 1, k + 1, c] if r + 1 < H and k + 1 < W else zero
                    below, slope_below = a + u * (b - a), b - a
                    out[n, i, j, c] = above + v * (below - above)
                    slopes[n, i, j, c, 0] = slope_above + v * (slope_below - slope_above)
                    slopes[n, i, j, c, 1] = below - above


@jit.serial
def matrix_gradient(d_out, slopes, d_matrix):
    """Gradient (N, 2, 3) by the maps; rows are summed in the image's dtype, images in that of d_matrix."""
    zero = d_out.dtype.type(0)
    for n in range(d_out.shape[0]):
        d_matrix[n] = 0
        for i in range(d_out.shape[1]):
            x_sum = x_moment = y_sum = y_moment = zero
            for j in range(d_out.shape[2]):
                place = d_out.dtype.type(j)
                for c in range(d_out.shape[3]):
                    by_x = d_out[n, i, j, c] * slopes[n, i, j, c, 0]
                    by_y = d_out[n, i, j, c] * slopes[n, i, j, c, 1]
                    x_sum += by_x
                    x_moment += by_x * place
                    y_sum += by_y
                    y_moment += by_y * place
            d_matrix[n, 0, 0] += x_moment
            d_matrix[n, 0, 1] += x_sum * i
            d_matrix[n, 0, 2] += x_sum
            d_matrix[n, 1, 0] += y_moment
            d_matrix[n, 1, 1] += y_sum * i
            d_matrix[n, 1, 2] += y_sum
