"""Runs of fully connected layers and rectifiers: all layers of a run in one call of a kernel.

A thread that comes back from a call waits until it gets Python's lock, and small layers are done sooner than that.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from stn_numba.kernels.addresses import address_of
from stn_numba.kernels.calls import kernel
from stn_numba.nn import memory
from stn_numba.nn.blas import addresses
from stn_numba.nn.dense import Dense
from stn_numba.nn.layer import Arrays, Backprop, Floats, Named, Size, as_gradient, kernels_take
from stn_numba.nn.workers import each_number, each_part, summed

__all__ = ["LEAST_ROWS", "DenseRun"]

_FORWARD, _BACKWARD = kernel("nn.kernels.dense", "forward"), kernel("nn.kernels.dense", "backward")

# Fewer are done by NumPy, as fast: the kernels load SciPy for its BLAS, which a first prediction should not wait for.
LEAST_ROWS = 16

_WORTH_A_PART = 1 << 24  # products; a thread takes some 300 microseconds for them


class DenseRun:
    """Neighbouring layers, of which the first is a `Dense`, for batches (N, D) of one shape and dtype for which it `pays`."""

    def __init__(self, layers: Sequence[Named], shape: Size, dtype: DTypeLike) -> None:
        self.layers = layers
        places = [place for place, (_, layer) in enumerate(layers) if type(layer) is Dense]
        self.keys = [f"{layers[place][0]}.{key}" for key in ("weight", "bias") for place in places]
        arrays = [[layers[place][1].params[key] for place in places] for key in ("weight", "bias")]
        self.weights, self.biases = (tuple(several) for several in arrays)
        self.rectified = tuple([end > start + 1 for start, end in itertools.pairwise((*places, len(layers)))])
        self.units = [len(bias) for bias in self.biases]
        self.parts = _parts(shape[0], sum(weight.size for weight in self.weights))

    def _table(self, *columns: Sequence[int]) -> NDArray[np.int64]:
        """Return a row of whole numbers for each layer, as the kernels take them: units, rectifier, and some addresses."""
        return np.array([*zip(self.units, self.rectified, *columns, strict=True)], np.int64)

    @staticmethod
    def pays(layers: Sequence[Named], shape: Size, dtype: DTypeLike) -> bool:
        """Whether a batch has enough rows, and parameters are as kernels take them."""
        if len(shape) != 2 or shape[0] < LEAST_ROWS or not shape[1]:
            return False
        length = shape[1]
        for layer in (layer for _, layer in layers if isinstance(layer, Dense)):
            weight, bias = layer.params["weight"], layer.params["bias"]
            if (weight.shape, bias.shape) != ((length, layer.units), (layer.units,)) or not kernels_take(dtype, weight, bias):
                return False
            length = layer.units
        return True

    def forward(self, x: Floats, _: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return the output (N, units) and the way back."""
        x = np.ascontiguousarray(x)
        outputs = memory.several([(len(x), len(bias)) for bias in self.biases], x.dtype)

        def forward_part(part: slice, _: Floats) -> None:
            table = self._table(_addresses(self.weights), _addresses(self.biases), _addresses(outputs, part))
            _FORWARD(addresses(x.dtype), x[part], table)

        each_part(forward_part, self.parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self.layers[-1][1], dy, outputs[-1])
            slopes = memory.several([y.shape for y in outputs], x.dtype)
            dx = memory.empty(x.shape if input_gradient else (0, 0), x.dtype)

            def backward_part(number: int) -> Arrays:
                part = self.parts[number]
                own = memory.several([array.shape for array in (*self.weights, *self.biases)], x.dtype)
                d_weights, d_biases = own[: len(self.weights)], own[len(self.weights) :]
                places = [_addresses(several, part) for several in (outputs, slopes)]
                gradients = _addresses(d_weights), _addresses(d_biases)
                table = self._table(_addresses(self.weights), *places, *gradients)
                _BACKWARD(addresses(x.dtype), x[part], table, dy[part], dx[part], bool(input_gradient))
                return dict(zip(self.keys, own, strict=True))

            return (dx if input_gradient else None), summed(each_number(backward_part, len(self.parts)))

        return outputs[-1], backprop


def _addresses(arrays: Sequence[Floats], part: slice = slice(None)) -> list[int]:
    """Where arrays begin, or a part of their rows."""
    return [address_of(array[part]) for array in arrays]


def _parts(rows: int, products: int) -> list[slice]:
    """Cut rows, each of so many products, into parts that are worth a thread's while; shapes alone decide."""
    pieces = max(1, min(rows, rows * products // _WORTH_A_PART))
    return [slice(k * rows // pieces, (k + 1) * rows // pieces) for k in range(pieces)]
