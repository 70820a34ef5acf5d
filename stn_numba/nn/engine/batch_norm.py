"""Batch normalization, with the ReLU after it if there is one, on threads.

Maps are read once for the sums over a batch, and once more for the output. Parts of the batch depend on its size alone, and
their sums are added in order in float64, so results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Backprop, Floats, as_gradient
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.thread_pool import parallel_map, work_parts

__all__ = ["Moments", "batch_moments", "normalize"]

_SUMS, _NORMALIZE, _SLOPE_SUMS, _INPUT_GRADIENT = (
    kernel("nn.kernels.batch_norm", name) for name in ("sums", "normalize", "slope_sums", "input_gradient")
)

_LOOP = 1024  # numbers that kernels go through without a break: few channels are repeated up to here

Doubles = NDArray[np.float64]


class Moments(NamedTuple):
    """Mean and (biased) variance of each channel, (C,), and of how many values; None if they do not depend on the batch."""

    mean: Doubles
    variance: Doubles
    values: int | None


class _Parts:
    """A batch (..., C) in flat parts, and kernels for them."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.channels, self.dtype = shape[-1], dtype
        self.rows = int(np.prod(shape[:-1]))
        self.repeats = -(-_LOOP // max(1, self.channels))
        self.slices = [
            slice(part.start * self.channels, part.stop * self.channels)
            for part in work_parts(self.rows, self.rows * self.channels)
        ]

    def repeated(self, values: NDArray[Any]) -> Floats:
        """Return values (C,) as kernels read them."""
        return np.tile(values.astype(self.dtype), self.repeats)

    def scratch(self) -> Floats:
        """Return memory like that of `repeated` values."""
        return np.empty(self.repeats * self.channels, self.dtype)

    def each(self, work: Callable[[slice], Any]) -> None:
        """Do work for each part."""
        parallel_map(work, self.slices)

    def summed(self, work: Callable[[slice, Floats, Floats], Any]) -> tuple[Doubles, Doubles]:
        """Return two sums (C,) over all parts, which `work` writes for each."""
        sums = np.empty((len(self.slices), 2, self.repeats * self.channels), self.dtype)
        parallel_map(lambda number: work(self.slices[number], *sums[number]), range(len(sums)))
        by_channel = sums.reshape(len(sums), 2, self.repeats, self.channels)
        total, other = by_channel.sum(axis=(0, 2), dtype=np.float64)
        return total, other


def batch_moments(x: Floats) -> Moments:
    """Return mean and variance over all axes but the last."""
    parts, flat = _Parts(x.shape, x.dtype), x.reshape(-1)
    first = flat[: parts.channels].astype(np.float64)  # as good a guess of the means as another
    origin = parts.repeated(first)
    total, square = parts.summed(lambda part, *sums: _SUMS(flat[part], origin, *sums))
    distance = total / parts.rows
    return Moments(first + distance, np.maximum(square / parts.rows - distance**2, 0), parts.rows)


def normalize(
    owner: object, x: Floats, moments: Moments, epsilon: float, scale: Floats, shift: Floats, relu: bool
) -> tuple[Floats, Backprop]:
    """Return scale * (x - mean) / sqrt(variance + epsilon) + shift, or its ReLU, for x (..., C); and its backward.

    Gradients are those of ``scale`` and ``shift``. Moments of a number of values depend on x, and their gradient is included.
    """
    parts, flat = _Parts(x.shape, x.dtype), x.reshape(-1)
    y = buffers.empty(x.shape, x.dtype)
    out = y.reshape(-1)
    inverse = 1 / np.sqrt(moments.variance + epsilon)
    factor = scale * inverse
    mean = parts.repeated(moments.mean)
    coefficients = mean, parts.repeated(factor), parts.repeated(shift)
    parts.each(lambda part: _NORMALIZE(flat[part], *coefficients, relu, out[part]))

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        slopes = as_gradient(owner, dy, y).reshape(-1)

        def of(part: slice) -> tuple[Any, ...]:
            return slopes[part], out[part], relu, flat[part], mean

        total, product = parts.summed(lambda part, *sums: _SLOPE_SUMS(*of(part), parts.scratch(), *sums))
        gradients = {"scale": (product * inverse).astype(x.dtype), "shift": total.astype(x.dtype)}
        if not input_gradient:
            return None, gradients
        share = 0.0 if moments.values is None else 1 / moments.values
        weights = [parts.repeated(each) for each in (factor, -share * factor * inverse**2 * product, -share * factor * total)]
        dx = buffers.empty(x.shape, x.dtype)
        flat_dx = dx.reshape(-1)
        parts.each(lambda part: _INPUT_GRADIENT(*of(part), *weights, parts.scratch(), flat_dx[part]))
        return dx, gradients

    return y, backprop
