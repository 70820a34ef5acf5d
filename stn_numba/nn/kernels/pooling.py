"""Max pooling over size x size blocks that do not overlap, channels last; remaining rows and columns are dropped.

Callers pass parts of the batch to threads.
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
