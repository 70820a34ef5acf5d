"""Runs of fully connected layers and rectifiers: all layers of a run in one call of a kernel.

A thread that comes back from a call waits until it gets Python's lock, and small layers are done sooner than that.
"""

from __future__ import annotations

import array
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.blas_threads import addresses
from stn_numba.nn.engine.kernel_calls import BlockKernel
from stn_numba.nn.engine.thread_pool import each_number, each_part, summed
from stn_numba.nn.layers.base import Arrays, Backprop, Floats, Named, Size, as_gradient, kernels_take
from stn_numba.nn.layers.dense import Dense

__all__ = ["LEAST_ROWS", "DenseRun"]

_FORWARD, _BACKWARD = BlockKernel("dense", "forward"), BlockKernel("dense", "backward")

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

    def _call(self, kernel: BlockKernel, x: Floats, columns: Iterable[Sequence[Floats]], *words: int) -> None:
        """Call a kernel for rows x, and a table: units, rectifier and the addresses of some arrays of each layer."""
        addressed = [[*map(address_of, column)] for column in columns]
        rows = zip(self.units, self.rectified, *addressed, strict=True)
        table = array.array("q", itertools.chain.from_iterable(rows))
        place, layers = table.buffer_info()[0], len(self.units)
        kernel(x.dtype, *addresses(x.dtype), address_of(x), *x.shape, place, layers, *words, lanes=False)

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
        outputs = buffers.several([(len(x), len(bias)) for bias in self.biases], x.dtype)

        def forward_part(part: slice, _: Floats) -> None:
            self._call(_FORWARD, x[part], [self.weights, self.biases, [y[part] for y in outputs]])

        each_part(forward_part, self.parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self.layers[-1][1], dy, outputs[-1])
            slopes = buffers.several([y.shape for y in outputs], x.dtype)
            dx = buffers.empty(x.shape if input_gradient else (0, 0), x.dtype)

            def backward_part(number: int) -> Arrays:
                part = self.parts[number]
                own = buffers.several([values.shape for values in (*self.weights, *self.biases)], x.dtype)
                d_weights, d_biases = own[: len(self.weights)], own[len(self.weights) :]
                y_part, slopes_part = ([values[part] for values in several] for several in (outputs, slopes))
                columns = self.weights, y_part, slopes_part, d_weights, d_biases
                to_x = address_of(dx[part]) if input_gradient else 0
                self._call(_BACKWARD, x[part], columns, address_of(dy[part]), to_x)
                return dict(zip(self.keys, own, strict=True))

            return (dx if input_gradient else None), summed(each_number(backward_part, len(self.parts)))

        return outputs[-1], backprop


def _parts(rows: int, products: int) -> list[slice]:
    """Cut rows, each of so many products, into parts that are worth a thread's while; shapes alone decide."""
    pieces = max(1, min(rows, rows * products // _WORTH_A_PART))
    return [slice(k * rows // pieces, (k + 1) * rows // pieces) for k in range(pieces)]
