"""Fully connected layers and rectifiers, all of a run in one call; products of matrices go to BLAS.

Layers are rows of a table of whole numbers: arrays by their addresses, so that a kernel is the same for any number of layers.
Kernels run once a call: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

from stn_numba.kernels import jit
from stn_numba.kernels.memory import address_of
from stn_numba.nn.kernels.flat import copy, fill, get, put, zero_of
from stn_numba.nn.kernels.products import product


@jit.kernel
def forward(blas, x, table):
    """Outputs (N, units) of each layer, for x (N, D).

    `blas` are the addresses of gemm, gemv and dot for the dtype. A row of the table has, of a layer: units; 1 if a rectifier
    follows, else 0; the addresses of its weight, its bias and its output.
    """
    like, rows, source, depth = zero_of(x), x.shape[0], address_of(x), x.shape[1]
    for k in range(table.shape[0]):
        units, rectify, weight, bias, y = table[k, 0], table[k, 1] != 0, table[k, 2], table[k, 3], table[k, 4]
        product(blas, like, source, False, weight, False, y, rows, units, depth)
        for n in range(rows):
            for u in range(units):
                value = get(y, n * units + u, like) + get(bias, u, like)
                put(y, n * units + u, like, like if rectify and value <= like else value)  # what is not a number stays
        source, depth = y, units


@jit.kernel
def backward(blas, x, table, dy, dx, wanted):
    """Gradients by weights, biases and, if `wanted`, by x, for the gradient dy (N, units) by the last layer's output.

    A row of the table has, of a layer: units; 1 if a rectifier follows, else 0; the addresses of its weight, its output, of
    scratch like its output, and of its gradients by weight and bias.
    """
    like, rows, last = zero_of(x), x.shape[0], table.shape[0] - 1
    copy(address_of(dy), table[last, 4], rows * table[last, 0], like)
    for k in range(last, -1, -1):
        units, rectify, weight, y, slope = table[k, 0], table[k, 1] != 0, table[k, 2], table[k, 3], table[k, 4]
        d_weight, d_bias = table[k, 5], table[k, 6]
        fill(d_bias, units, like)
        for n in range(rows):
            for u in range(units):
                at = n * units + u
                value = like if rectify and get(y, at, like) <= like else get(slope, at, like)
                put(slope, at, like, value)
                put(d_bias, u, like, get(d_bias, u, like) + value)
        if k > 0:
            depth = table[k - 1, 0]
            product(blas, like, table[k - 1, 3], True, slope, False, d_weight, depth, units, rows)
            product(blas, like, slope, False, weight, True, table[k - 1, 4], rows, depth, units)
        else:
            product(blas, like, address_of(x), True, slope, False, d_weight, x.shape[1], units, rows)
            if wanted:
                product(blas, like, slope, False, weight, True, address_of(dx), rows, x.shape[1], units)
