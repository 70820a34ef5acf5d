"""Pooling over size x size blocks that do not overlap, channels last; rows and columns left over are dropped.

Serial only: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

from stn_numba.kernels import jit


@jit.inline
def max_sample(x, size, y, winner):
    """Maxima of one sample, and which of the size * size values won (the first of equals)."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for c in range(x.shape[2]):
                best, place = x[i * size, j * size, c], 0
                for a in range(size):
                    for b in range(size):
                        value = x[i * size + a, j * size + b, c]
                        if value > best or value != value:
                            best, place = value, a * size + b
                y[i, j, c] = best
                winner[i, j, c] = place


@jit.serial
def maximum(x, size, y, winner):
    """Maxima of all samples."""
    for n in range(x.shape[0]):
        max_sample(x[n], size, y[n], winner[n])


@jit.inline
def max_gradient_sample(dy, size, winner, dx):
    """Hand each gradient to the value that won."""
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            for c in range(dy.shape[2]):
                place = winner[i, j, c]
                dx[i * size + place // size, j * size + place % size, c] = dy[i, j, c]


@jit.serial
def maximum_gradient(dy, size, winner, dx):
    """Gradients of all samples; what dx held before is overwritten."""
    for n in range(dy.shape[0]):
        dx[n] = 0
        max_gradient_sample(dy[n], size, winner[n], dx[n])
