"""Pooling, channels last; callers pass parts of the batch to threads.

`maximum` is for size x size blocks that do not overlap; remaining rows and columns are dropped. The kernels for windows take
any rows x columns, which are `down` rows and `across` columns apart and begin `top` rows and `left` columns before the image.
Each window contains a pixel of the image; only these count.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.load_store import address_of
from stn_numba.nn.kernels.flat import fill, zero_of


@jit.kernel
def maximum(x, size, y, winner):
    """Write the maxima of x (N, H, W, C) to y (N, h, w, C), and their places in the blocks (first of equals) to winner."""
    for n in range(x.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for c in range(x.shape[3]):
                    best, place = x[n, i * size, j * size, c], 0
                    for a in range(size):
                        for b in range(size):
                            value = x[n, i * size + a, j * size + b, c]
                            if value > best or value != value:
                                best, place = value, a * size + b
                    y[n, i, j, c] = best
                    winner[n, i, j, c] = place


@jit.kernel
def maximum_gradient(dy, size, winner, dx):
    """Write each gradient (N, h, w, C) to the place of the maximum in dx (N, H, W, C), and zeros elsewhere."""
    numbers = dx.shape[1] * dx.shape[2] * dx.shape[3]
    for n in range(dy.shape[0]):
        fill(address_of(dx) + n * numbers * dx.itemsize, numbers, zero_of(dx))
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                for c in range(dy.shape[3]):
                    place = winner[n, i, j, c]
                    dx[n, i * size + place // size, j * size + place % size, c] = dy[n, i, j, c]


@jit.inline
def _overlap(start, length, limit):
    """Return the part of a window that lies within an axis: first and end, counted from its start."""
    return max(0, -start), min(length, limit - start)


@jit.kernel
def window_maximum(x, rows, columns, down, across, top, left, y, winner):
    """Write the maxima of windows of x (N, H, W, C) to y (N, h, w, C), and their places in the windows to winner."""
    for n in range(x.shape[0]):
        for i in range(y.shape[1]):
            first_row = i * down - top
            a_first, a_end = _overlap(first_row, rows, x.shape[1])
            for j in range(y.shape[2]):
                first_column = j * across - left
                b_first, b_end = _overlap(first_column, columns, x.shape[2])
                for a in range(a_first, a_end):
                    for b in range(b_first, b_end):
                        place, is_first = a * columns + b, a == a_first and b == b_first
                        for c in range(x.shape[3]):
                            value, best = x[n, first_row + a, first_column + b, c], y[n, i, j, c]
                            wins = is_first or value > best or value != value
                            y[n, i, j, c] = value if wins else best
                            winner[n, i, j, c] = place if wins else winner[n, i, j, c]


@jit.kernel
def window_maximum_gradient(dy, columns, down, across, top, left, winner, dx):
    """Add each gradient (N, h, w, C) to the place of its maximum in dx (N, H, W, C), which is set to zero before."""
    numbers = dx.shape[1] * dx.shape[2] * dx.shape[3]
    for n in range(dy.shape[0]):
        fill(address_of(dx) + n * numbers * dx.itemsize, numbers, zero_of(dx))
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                for c in range(dy.shape[3]):
                    place = int(winner[n, i, j, c])
                    dx[n, i * down - top + place // columns, j * across - left + place % columns, c] += dy[n, i, j, c]


@jit.kernel
def window_mean(x, rows, columns, down, across, top, left, y):
    """Write the means of windows of x (N, H, W, C) to y (N, h, w, C)."""
    for n in range(x.shape[0]):
        for i in range(y.shape[1]):
            first_row = i * down - top
            a_first, a_end = _overlap(first_row, rows, x.shape[1])
            for j in range(y.shape[2]):
                first_column = j * across - left
                b_first, b_end = _overlap(first_column, columns, x.shape[2])
                for c in range(x.shape[3]):
                    y[n, i, j, c] = 0
                for a in range(a_first, a_end):
                    for b in range(b_first, b_end):
                        for c in range(x.shape[3]):
                            y[n, i, j, c] += x[n, first_row + a, first_column + b, c]
                count = (a_end - a_first) * (b_end - b_first)
                for c in range(x.shape[3]):
                    y[n, i, j, c] /= count


@jit.kernel
def window_mean_gradient(dy, rows, columns, down, across, top, left, dx):
    """Add each gradient (N, h, w, C), divided by the pixels of its window, to these in dx (N, H, W, C), zero before."""
    numbers = dx.shape[1] * dx.shape[2] * dx.shape[3]
    for n in range(dy.shape[0]):
        fill(address_of(dx) + n * numbers * dx.itemsize, numbers, zero_of(dx))
        for i in range(dy.shape[1]):
            first_row = i * down - top
            a_first, a_end = _overlap(first_row, rows, dx.shape[1])
            for j in range(dy.shape[2]):
                first_column = j * across - left
                b_first, b_end = _overlap(first_column, columns, dx.shape[2])
                count = (a_end - a_first) * (b_end - b_first)
                for a in range(a_first, a_end):
                    for b in range(b_first, b_end):
                        for c in range(dx.shape[3]):
                            dx[n, first_row + a, first_column + b, c] += dy[n, i, j, c] / count
