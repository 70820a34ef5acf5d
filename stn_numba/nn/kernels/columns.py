"""Patches of a padded feature map as rows of a matrix, and the way back: a convolution is one product with it.

Serial only: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

from stn_numba.kernels import jit


@jit.serial
def gather(x, size, stride, patches):
    """Copy the patches of x (N, H, W, C) to (N, h, w, size, size * C)."""
    width = size * x.shape[3]
    for n in range(x.shape[0]):
        for i in range(patches.shape[1]):
            for a in range(size):
                row = x[n, i * stride + a].reshape(-1)
                for j in range(patches.shape[2]):
                    start = j * stride * x.shape[3]
                    target = patches[n, i, j, a]
                    for k in range(width):
                        target[k] = row[start + k]


@jit.serial
def scatter(patches, size, stride, x):
    """Add the patches (N, h, w, size, size * C) back to where they came from in x (N, H, W, C)."""
    width = size * x.shape[3]
    for n in range(x.shape[0]):
        for i in range(patches.shape[1]):
            for a in range(size):
                row = x[n, i * stride + a].reshape(-1)
                for j in range(patches.shape[2]):
                    start = j * stride * x.shape[3]
                    source = patches[n, i, j, a]
                    for k in range(width):
                        row[start + k] += source[k]
