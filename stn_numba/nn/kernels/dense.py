"""Consecutive fully connected layers and ReLUs in one call; products of matrices are computed by BLAS.

Layers are rows of a table of integers, with arrays by their addresses, so one kernel serves any number of layers. Callers pass
parts of the batch to threads.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import read_word
from stn_numba.nn.kernels.flat import copy, fill, get, put
from stn_numba.nn.kernels.products import product


@jit.kernel
def forward(like, gemm, gemv, dot, x, rows, depth, table, layers):
    """Write the outputs (rows, units) of each layer, for x (rows, depth).

    `like` is a zero of the dtype, and `gemm`, `gemv` and `dot` are addresses of BLAS functions for it. A row of the table
    (layers, 5), int64, has the units of a layer, 1 if a ReLU follows, else 0, and the addresses of weight, bias and output.
    """
    for k in range(layers):
        row = table + 40 * k
        units, rectify, weight = read_word(row), read_word(row + 8) != 0, read_word(row + 16)
        bias, y = read_word(row + 24), read_word(row + 32)
        product(gemm, gemv, dot, like, x, False, weight, False, y, rows, units, depth)
        for n in range(rows):
            for u in range(units):
                value = get(y, n * units + u, like) + get(bias, u, like)
                put(y, n * units + u, like, like if rectify and value <= like else value)  # NaN stays
        x, depth = y, units


@jit.kernel
def backward(like, gemm, gemv, dot, x, rows, depth, table, layers, dy, dx):
    """Write the gradients by weights, biases and, unless the address `dx` is 0, by x, for dy (rows, units) by the last output.

    As `forward`, but a row of the table (layers, 7) has the units of a layer, 1 if a ReLU follows, else 0, and the addresses of
    weight, output, scratch of the output's shape, and of the gradients by weight and bias.
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
