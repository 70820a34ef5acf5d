"""Fully connected layers and rectifiers, all of a run in one call; products of matrices go to BLAS.

Layers are rows of a table of whole numbers: arrays by their addresses, so that a kernel is the same for any number of layers.
Kernels run once a call: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import read_word
from stn_numba.nn.kernels.flat import copy, fill, get, put
from stn_numba.nn.kernels.products import product


@jit.kernel
def forward(like, gemm, gemv, dot, x, rows, depth, table, layers):
    """Outputs (rows, units) of each layer, for x (rows, depth).

    `like` is a number of the dtype, and `gemm`, `gemv` and `dot` are the addresses of BLAS for it. A row of the table
    (layers, 5) of int64 has, of a layer: units; 1 if a rectifier follows, else 0; the addresses of its weight, its bias and its
    output.
    """
    for k in range(layers):
        row = table + 40 * k
        units, rectify, weight = read_word(row), read_word(row + 8) != 0, read_word(row + 16)
        bias, y = read_word(row + 24), read_word(row + 32)
        product(gemm, gemv, dot, like, x, False, weight, False, y, rows, units, depth)
        for n in range(rows):
            for u in range(units):
                value = get(y, n * units + u, like) + get(bias, u, like)
                put(y, n * units + u, like, like if rectify and value <= like else value)  # what is not a number stays
        x, depth = y, units


@jit.kernel
def backward(like, gemm, gemv, dot, x, rows, depth, table, layers, dy, dx):
    """Gradients by weights, biases and, unless the address `dx` is 0, by x, for dy (rows, units) by the last layer's output.

    As `forward`, but a row of the table (layers, 7) has, of a layer: units; 1 if a rectifier follows, else 0; the addresses of
    its weight, its output, of scratch like its output, and of its gradients by weight and bias.
    """
    last = table + 56 * (layers - 1)
    copy(dy, read_word(last + 32), rows * read_word(last), like)
    for k in range(layers - 1, -1, -1):
        row = table + 56 * k
        units, rectify, weight, y, slope = (
            read_word(row), read_word(row + 8) != 0, read_word(row + 16), read_word(row + 24), read_word(row + 32)
        )  # fmt: skip
        d_weight, d_bias = read_word(row + 40), read_word(row + 48)
        fill(d_bias, units, like)
        for n in range(rows):
            for u in range(units):
                at = n * units + u
                value = like if rectify and get(y, at, like) <= like else get(slope, at, like)
                put(slope, at, like, value)
                put(d_bias, u, like, get(d_bias, u, like) + value)
        before = row - 56
        source, width = (read_word(before + 24), read_word(before)) if k > 0 else (x, depth)
        d_source = read_word(before + 32) if k > 0 else dx
        product(gemm, gemv, dot, like, source, True, slope, False, d_weight, width, units, rows)
        if d_source != 0:
            product(gemm, gemv, dot, like, slope, False, weight, True, d_source, rows, width, units)
