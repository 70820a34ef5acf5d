"""Fully connected layers and the rectifiers between them, in one call of a kernel.

A thread that comes back from a call waits until it gets Python's lock, and small layers are done sooner than that.
"""

from __future__ import annotations

import array
import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient, kernels_take
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.blas_threads import addresses
from stn_numba.nn.engine.kernel_calls import BlockKernel
from stn_numba.nn.engine.thread_pool import each_number, each_part, summed

__all__ = ["LEAST_ROWS", "DenseOp", "FusedDense", "fit"]

_FORWARD, _BACKWARD = BlockKernel("dense", "forward"), BlockKernel("dense", "backward")

# Fewer are done by NumPy, as fast: the kernels load SciPy for its BLAS, which a first prediction should not wait for.
LEAST_ROWS = 16

_WORTH_A_PART = 1 << 24  # products; a thread takes some 300 microseconds for them


class DenseOp(NamedTuple):
    """A fully connected layer by name, weight (D, units) and bias (units,), with or without a rectifier behind it."""

    name: str
    weight: Floats
    bias: Floats
    rectified: bool


class FusedDense:
    """Layers that follow each other, for batches (N, D) of one shape and dtype for which they `fit`.

    Parameters
    ----------
    ops
        The layers; gradients are named after them.
    last
        The last layer, which errors name.
    rows
        Samples in a batch.
    """

    def __init__(self, ops: Sequence[DenseOp], last: object, rows: int) -> None:
        self.last = last
        self.keys = [f"{op.name}.{key}" for key in ("weight", "bias") for op in ops]
        self.weights, self.biases = [op.weight for op in ops], [op.bias for op in ops]
        self.rectified = [op.rectified for op in ops]
        self.units = [len(bias) for bias in self.biases]
        self.parts = _parts(rows, sum(weight.size for weight in self.weights))

    def _call(self, kernel: BlockKernel, x: Floats, columns: Iterable[Sequence[Floats]], *words: int) -> None:
        """Call a kernel for rows x, and a table: units, rectifier and the addresses of some arrays of each layer."""
        addressed = [[*map(address_of, column)] for column in columns]
        rows = zip(self.units, self.rectified, *addressed, strict=True)
        table = array.array("q", itertools.chain.from_iterable(rows))
        place, layers = table.buffer_info()[0], len(self.units)
        kernel(x.dtype, *addresses(x.dtype), address_of(x), *x.shape, place, layers, *words, lanes=False)

    def forward(self, x: Floats, _: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return the output (N, units) and its backward."""
        x = np.ascontiguousarray(x)
        outputs = buffers.several([(len(x), len(bias)) for bias in self.biases], x.dtype)

        def forward_part(part: slice, _: Floats) -> None:
            self._call(_FORWARD, x[part], [self.weights, self.biases, [y[part] for y in outputs]])

        each_part(forward_part, self.parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self.last, dy, outputs[-1])
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


def fit(ops: Sequence[DenseOp], shape: Size, dtype: DTypeLike) -> bool:
    """Whether a batch has enough rows, and parameters are as kernels take them."""
    if len(shape) != 2 or shape[0] < LEAST_ROWS or not shape[1]:
        return False
    length = shape[1]
    for op in ops:
        units = op.bias.size
        if (op.weight.shape, op.bias.shape) != ((length, units), (units,)) or not kernels_take(dtype, op.weight, op.bias):
            return False
        length = units
    return True


def _parts(rows: int, products: int) -> list[slice]:
    """Cut rows, each of so many products, into parts that are worth a thread's while; shapes alone decide."""
    pieces = max(1, min(rows, rows * products // _WORTH_A_PART))
    return [slice(k * rows // pieces, (k + 1) * rows // pieces) for k in range(pieces)]
