"""Optimisers' updates in one pass over flat arrays (n,), changed in place; all numbers are of the parameter's dtype."""

from __future__ import annotations

import math

from stn_numba.kernels import jit


@jit.kernel
def adam(param, gradient, mean, square, beta1, rest1, beta2, rest2, root, epsilon, rate):
    """Algorithm 1 of arXiv 1412.6980, arranged so that it divides once.

    rest is 1 - beta; the bias corrections are in `rate`, for the mean, and in `root`, for the root of the square.
    """
    for k in range(len(param)):
        g = gradient[k]
        m, s = beta1 * mean[k] + rest1 * g, beta2 * square[k] + rest2 * g * g
        mean[k], square[k] = m, s
        param[k] -= rate * m / (root * math.sqrt(s) + epsilon)


@jit.kernel
def momentum(param, gradient, velocity, factor, ahead, rate):
    """Gradient descent with momentum, `ahead` being 1 for Nesterov's and 0 for the plain one."""
    for k in range(len(param)):
        g = gradient[k]
        velocity[k] = factor * velocity[k] + g
        param[k] -= rate * (g + factor * velocity[k] if ahead else velocity[k])


@jit.kernel
def total(array, out):
    """Write the sum of a flat array, in eight strands, to out (1,), float64: not finite where one of its numbers is not."""
    a = b = c = d = e = f = g = h = array.dtype.type(0)
    whole = len(array) // 8 * 8
    for k in range(0, whole, 8):
        a += array[k]
        b += array[k + 1]
        c += array[k + 2]
        d += array[k + 3]
        e += array[k + 4]
        f += array[k + 5]
        g += array[k + 6]
        h += array[k + 7]
    for k in range(whole, len(array)):
        a += array[k]
    out[0] = ((a + b) + (c + d)) + ((e + f) + (g + h))
