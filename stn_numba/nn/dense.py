"""Fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn import memory
from stn_numba.nn.layer import Arrays, Backprop, Floats, Layer, Size, expect_shape, he_normal, positive_int
from stn_numba.nn.workers import each_part

__all__ = ["Dense"]

_WORTH_A_PART = 1 << 22  # products; a thread takes some 100 microseconds for them


class Dense(Layer):
    """y = x @ weight + bias, for x (N, D).

    Parameters
    ----------
    units
        Length of the output.

    Examples
    --------
    >>> layer = Dense(3)
    >>> layer.initialise((5,), np.random.default_rng(0))
    (3,)
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = positive_int("units", units)

    def initialise(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw He-normal weights and zero biases."""
        expect_shape(self, input_shape, 1, "(D,)")
        weight = he_normal(rng, (input_shape[0], self.units), input_shape[0], dtype)
        self.params = {"weight": weight, "bias": np.zeros(self.units, dtype)}
        return (self.units,)

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (N, units) and the way back."""
        weight, bias = self.params["weight"], self.params["bias"]
        y = memory.empty((len(x), self.units), np.result_type(x, weight))

        def forward_part(part: slice, _: Floats) -> None:
            np.matmul(x[part], weight, out=y[part])
            y[part] += bias

        each_part(forward_part, _parts(len(x), weight.size))

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            d_weight = memory.empty(weight.shape, weight.dtype)
            dx = memory.empty(x.shape, y.dtype) if input_gradient else None
            each_part(lambda part, _: np.matmul(x[:, part].T, dy, out=d_weight[part]), _parts(len(weight), y.size))
            if dx is not None:
                each_part(lambda part, _: np.matmul(dy[part], weight.T, out=dx[part]), _parts(len(x), weight.size))
            return dx, {"weight": d_weight, "bias": dy.sum(axis=0)}

        return y, backprop

    def config(self) -> dict[str, Any]:
        """Return the options."""
        return {"units": self.units}


def _parts(rows: int, products: int) -> list[slice]:
    """Cut rows, each of so many products, into parts that are worth a thread's while; shapes alone decide."""
    pieces = max(1, min(rows, rows * products // _WORTH_A_PART))
    return [slice(k * rows // pieces, (k + 1) * rows // pieces) for k in range(pieces)]
