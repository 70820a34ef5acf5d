"""Patches of a padded feature map as rows of a matrix, and the way back: a convolution is one product with it."""

from __future__ import annotations

from numba import prange

from stn_numba.kernels import jit


@jit.inline
def gather_sample(x, size, stride, columns):
    """Columns (oh, ow, size, size * C) of one sample x (H, W, C); padding is done beforehand."""
    C = x.shape[2]
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            for a in range(size):
                source = x[i * stride + a].ravel()
                start = j * stride * C
                for k in range(size * C):
                    columns[i, j, a, k] = source[start + k]


@jit.serial
def gather_serial(x, size, stride, columns):
    for n in range(x.shape[0]):
        gather_sample(x[n], size, stride, columns[n])


@jit.parallel
def gather_parallel(x, size, stride, columns):
    for n in prange(x.shape[0]):
        gather_sample(x[n], size, stride, columns[n])


@jit.inline
def scatter_sample(columns, size, stride, x):
    """Add the columns of one sample back to where they came from."""
    C = x.shape[2]
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            for a in range(size):
                target = x[i * stride + a].ravel()
                start = j * stride * C
                for k in range(size * C):
                    target[start + k] += columns[i, j, a, k]


@jit.serial
def scatter_serial(columns, size, stride, x):
    for n in range(x.shape[0]):
        scatter_sample(columns[n], size, stride, x[n])


@jit.parallel
def scatter_parallel(columns, size, stride, x):
    for n in prange(x.shape[0]):
        scatter_sample(columns[n], size, stride, x[n])
