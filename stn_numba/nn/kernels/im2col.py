"""Copy the patches of a padded feature map to the rows of a matrix, and add them back.

A convolution is one product with this matrix. Callers pass parts of the batch to threads.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.load_store import address_of
from stn_numba.nn.kernels.flat import copy, get, put, zero_of


@jit.kernel
def gather(x, down, across, patches):
    """Copy the patches of x (N, H, W, C), `down` rows and `across` columns apart, to (N, h, w, rows, columns * C)."""
    like, item, W, C, width = zero_of(x), x.itemsize, x.shape[2], x.shape[3], patches.shape[4]
    target = address_of(patches)
    for n in range(x.shape[0]):
        for i in range(patches.shape[1]):
            for j in range(patches.shape[2]):
                for a in range(patches.shape[3]):
                    place = (n * x.shape[1] + i * down + a) * W + j * across
                    copy(address_of(x) + place * C * item, target, width, like)
                    target += width * item


@jit.kernel
def scatter(patches, down, across, x):
    """Add the patches (N, h, w, rows, columns * C) to their places in x (N, H, W, C)."""
    like, item, W, C, width = zero_of(x), x.itemsize, x.shape[2], x.shape[3], patches.shape[4]
    h, w, size = patches.shape[1], patches.shape[2], patches.shape[3]
    for n in range(x.shape[0]):
        for i in range(h):
            for a in range(size):
                row = address_of(x) + (n * x.shape[1] + i * down + a) * W * C * item
                for j in range(w):
                    source = address_of(patches) + (((n * h + i) * w + j) * size + a) * width * item
                    target = row + j * across * C * item
                    for k in range(width):
                        put(target, k, like, get(target, k, like) + get(source, k, like))
