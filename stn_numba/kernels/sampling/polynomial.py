"""Weights of interpolation kernels that are piecewise polynomials.

A table is (address, pieces, K, terms) of float64 (pieces, 1 + K, terms). Row 0 of a piece starts with the fraction of a pixel
from which it holds; row 1 + k has the coefficients of tap k, highest power first.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import NEAREST
from stn_numba.kernels.sampling.workspace import NEXT_TAP
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.scratch import get_position, put_tap


@jit.inline
def coefficient(table, piece, row, term):
    """table[piece, row, term]"""
    address, _, K, terms = table
    return load(address + 8 * ((piece * (1 + K) + row) * terms + term), 0.0)


@jit.inline
def piece_of(table, fraction):
    """The piece that holds at a fraction of a pixel; 0 where there is no table."""
    piece = 0
    while piece + 1 < table[1] and fraction >= coefficient(table, piece + 1, 0, 0):
        piece += 1
    return piece


@jit.inline
def evaluate(table, piece, k, fraction):
    """Value of the polynomial of tap k."""
    value = coefficient(table, piece, 1 + k, 0)
    for term in range(1, table[3]):
        value = value * fraction + coefficient(table, piece, 1 + k, term)
    return value


@jit.inline
def of_power(table, k, exponent):
    """Coefficient of a power in the polynomial of tap k, for a table of one piece."""
    return coefficient(table, 0, 1 + k, table[3] - 1 - exponent) if exponent < table[3] else 0.0


@jit.apart
def weights_of_row(family, K, table, first, stop, xs, weights, one):
    """Fill K rows of weights along one axis for the pixels [first, stop); for one piece of degree 3 or less LLVM vectorizes."""
    T = type(one)
    if family == NEAREST:
        for j in range(first, stop):
            put_tap(weights, j, one)
    elif table[1] == 1 and table[3] <= 4:
        for k in range(K):
            row = weights + k * NEXT_TAP
            a0, a1, a2, a3 = of_power(table, k, 0), of_power(table, k, 1), of_power(table, k, 2), of_power(table, k, 3)
            for j in range(first, stop):
                x = get_position(xs, j)
                t = x - np.floor(x)
                put_tap(row, j, T(((a3 * t + a2) * t + a1) * t + a0))
    else:
        for j in range(first, stop):
            x = get_position(xs, j)
            t = x - np.floor(x)
            piece = piece_of(table, t)
            for k in range(K):
                put_tap(weights + k * NEXT_TAP, j, T(evaluate(table, piece, k, t)))
