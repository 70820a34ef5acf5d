"""Updates of optimizers, which change the arrays of all parameters of one dtype in place.

A row of the table (parameters, columns), int64, has the size of a parameter and the addresses of arrays of that size. `rates`
(parameters,) and all other numbers have the dtype of the parameters.
"""

from __future__ import annotations

import math

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.load_store import size_of
from stn_numba.nn.kernels.flat import get, put


@jit.kernel
def adam(table, rates, beta1, rest1, beta2, rest2, root, epsilon):
    """Update by Adam (algorithm 1 of arXiv 1412.6980), arranged to divide once.

    The columns are size, parameter, gradient, mean and square. rest is 1 - beta. The bias correction of the mean is in `rates`,
    that of the root of the square in `root`.
    """
    for p in range(table.shape[0]):
        param, gradient, mean, square, rate = table[p, 1], table[p, 2], table[p, 3], table[p, 4], rates[p]
        for k in range(table[p, 0]):
            g = get(gradient, k, rate)
            m, s = beta1 * get(mean, k, rate) + rest1 * g, beta2 * get(square, k, rate) + rest2 * g * g
            put(mean, k, rate, m)
            put(square, k, rate, s)
            put(param, k, rate, get(param, k, rate) - rate * m / (root * math.sqrt(s) + epsilon))


@jit.kernel
def momentum(table, rates, factor, ahead):
    """Update by descent with momentum, Nesterov's if `ahead`; the columns are size, parameter, gradient and velocity."""
    for p in range(table.shape[0]):
        param, gradient, velocity, rate = table[p, 1], table[p, 2], table[p, 3], rates[p]
        for k in range(table[p, 0]):
            g = get(gradient, k, rate)
            v = factor * get(velocity, k, rate) + g
            put(velocity, k, rate, v)
            put(param, k, rate, get(param, k, rate) - rate * (g + factor * v if ahead else v))


@jit.kernel
def total(like, table, out):
    """Write the sum of all arrays to out (1,), float64, which is not finite if one of their numbers is not.

    The columns are size and array, `like` is a zero of their dtype. Eight partial sums hide the latency of additions.
    """
    out[0], item = 0.0, size_of(like)
    for p in range(table.shape[0]):
        a = b = c = d = e = f = g = h = like
        whole, place = table[p, 0] // 8 * 8, table[p, 1]
        for _ in range(table[p, 0] // 8):
            a += get(place, 0, like)
            b += get(place, 1, like)
            c += get(place, 2, like)
            d += get(place, 3, like)
            e += get(place, 4, like)
            f += get(place, 5, like)
            g += get(place, 6, like)
            h += get(place, 7, like)
            place += 8 * item
        for k in range(table[p, 0] - whole):
            a += get(place, k, like)
        out[0] += ((a + b) + (c + d)) + ((e + f) + (g + h))
