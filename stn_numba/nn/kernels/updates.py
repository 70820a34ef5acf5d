"""Optimisers' updates in one pass over flat parameters, changed in place; all numbers are of the parameter's dtype."""

from __future__ import annotations

import math

from stn_numba.kernels import jit


@jit.serial
def adam(param, gradient, mean, square, beta1, rest1, beta2, rest2, c1, c2, epsilon, rate):
    """Algorithm 1 of arXiv 1412.6980; rest is 1 - beta, and c1 and c2 are the bias corrections."""
    for k in range(len(param)):
        g = gradient[k]
        mean[k] = beta1 * mean[k] + rest1 * g
        square[k] = beta2 * square[k] + rest2 * g * g
        param[k] -= rate * ((mean[k] / c1) / (math.sqrt(square[k] / c2) + epsilon))


@jit.serial
def momentum(param, gradient, velocity, factor, ahead, rate):
    """Gradient descent with momentum, `ahead` being 1 for Nesterov's and 0 for the plain one."""
    for k in range(len(param)):
        g = gradient[k]
        velocity[k] = factor * velocity[k] + g
        param[k] -= rate * (g + factor * velocity[k] if ahead else velocity[k])


@jit.serial
def total(array):
    """Sum of a flat array in eight strands: not finite where one of its numbers is not."""
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
    return ((a + b) + (c + d)) + ((e + f) + (g + h))
