"""Bilinear weights of one axis: k(d) = max(0, 1 - |d|) at two neighbouring taps.

An axis is a tuple (low, high, last, second). The position is limited to [low, high] first: (-1, size) for zero
padding, (0, size - 1) for the border. The first tap is floor(x) limited to [0, last], last = max(size - 2, 0). The
weights follow the position, not the clamped tap, so outside the image they vanish by themselves: zero padding
needs no mask. `second` is 1, or 0 for an axis of one pixel, which has no second tap. A NaN passes every
comparison as false and ends with weights 0 at tap 0: whatever a grid holds, no index leaves the image.

`one` is passed along because a literal 1 would turn float32 arithmetic into float64.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit


@jit.inline
def clamp(x, low, high):
    """Limit x to [low, high]; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@jit.inline
def first_tap(x, last, one):
    """Floor of x, limited to [0, last]; NaN gives 0."""
    zero = one - one
    first = np.floor(x)
    first = first if first > zero else zero
    return first if first < last else last


@jit.inline
def tent(d, one):
    """max(0, 1 - |d|), with 0 for NaN."""
    zero = one - one
    weight = one - abs(d)
    return weight if weight > zero else zero


@jit.inline
def tent_slope(d, one):
    """Derivative of max(0, 1 - |d|), taken from the right where the tent has a corner."""
    zero = one - one
    falling = zero <= d < one
    rising = -one <= d < zero
    return -one if falling else (one if rising else zero)


@jit.inline
def weights(x, axis, one):
    """(first tap, its weight, the second tap's weight) for position x in pixels."""
    low, high, last, second = axis
    x = clamp(x, low, high)
    first = first_tap(x, last, one)
    d = x - first
    return np.int64(first), tent(d, one), tent(d - one, one) * second


@jit.inline
def slopes(x, axis, one):
    """Derivatives of the two weights by x; zero where x was limited, so huge positions pull nothing."""
    low, high, last, second = axis
    inside = one if low <= x < high else one - one
    d = clamp(x, low, high) - first_tap(clamp(x, low, high), last, one)
    return tent_slope(d, one) * inside, tent_slope(d - one, one) * inside * second
