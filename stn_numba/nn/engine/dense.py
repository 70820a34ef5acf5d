"""Fully connected layers and the ReLUs between them, in one call of a kernel.

After each call a thread waits for the GIL, which takes longer than small layers do.
"""

from __future__ import annotations

import array
import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient, fits_kernels
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.address_kernels import AddressKernel
from stn_numba.nn.engine.blas_functions import blas_addresses
from stn_numba.nn.engine.thread_pool import parallel_map, split, summed

__all__ = ["LEAST_ROWS", "DenseOp", "FusedDense", "can_fuse"]

_FORWARD, _BACKWARD = AddressKernel("dense", "forward"), AddressKernel("dense", "backward")

# NumPy is as fast for fewer rows. The kernels load SciPy for its BLAS, which a first prediction should not wait for.
LEAST_ROWS = 16

_WORTH_A_PART = 1 << 24  # products, which take a thread some 300 microseconds


class DenseOp(NamedTuple):
    """A fully connected layer by name, weight (D, units) and bias (units,), with or without a ReLU after it."""

    name: str
    weight: Floats
    bias: Floats
    relu: bool


class FusedDense:
    """Consecutive layers for batches (rows, D) of one dtype that `can_fuse`; errors name the `last` layer."""

    def __init__(self, ops: Sequence[DenseOp], last: object, rows: int) -> None:
        self.last = last
        self.keys = [f"{op.name}.{key}" for key in ("weight", "bias") for op in ops]
        self.weights, self.biases = [op.weight for op in ops], [op.bias for op in ops]
        self.relu = [op.relu for op in ops]
        self.units = [len(bias) for bias in self.biases]
        self.parts = split(rows, rows * sum(weight.size for weight in self.weights) // _WORTH_A_PART)

    def _call(self, kernel: AddressKernel, x: Floats, columns: Iterable[Sequence[Floats]], *arguments: int) -> None:
        """Call a kernel for rows x, and a table: units, ReLU and the addresses of some arrays of each layer."""
        addressed = [[*map(address_of, column)] for column in columns]
        rows = zip(self.units, self.relu, *addressed, strict=True)
        table = array.array("q", itertools.chain.from_iterable(rows))
        place, layers = table.buffer_info()[0], len(self.units)
        kernel(x.dtype, *blas_addresses(x.dtype), address_of(x), *x.shape, place, layers, *arguments, lanes=False)

    def forward(self, x: Floats, _: np.random.Generator | None = None, /) -> tuple[Floats, Backprop]:
        """Return the output (N, units) and its backward."""
        x = np.ascontiguousarray(x)
        outputs = buffers.empty_together([(len(x), len(bias)) for bias in self.biases], x.dtype)

        def forward_part(part: slice) -> None:
            self._call(_FORWARD, x[part], [self.weights, self.biases, [y[part] for y in outputs]])

        parallel_map(forward_part, self.parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self.last, dy, outputs[-1])
            d_outputs = buffers.empty_together([y.shape for y in outputs], x.dtype)
            dx = buffers.empty(x.shape if input_gradient else (0, 0), x.dtype)

            def backward_part(part: slice) -> Arrays:
                gradients = buffers.empty_together([values.shape for values in (*self.weights, *self.biases)], x.dtype)
                d_weights, d_biases = gradients[: len(self.weights)], gradients[len(self.weights) :]
                y_part, d_part = ([values[part] for values in each] for each in (outputs, d_outputs))
                columns = self.weights, y_part, d_part, d_weights, d_biases
                dx_address = address_of(dx[part]) if input_gradient else 0
                self._call(_BACKWARD, x[part], columns, address_of(dy[part]), dx_address)
                return dict(zip(self.keys, gradients, strict=True))

            return (dx if input_gradient else None), summed(parallel_map(backward_part, self.parts))

        return outputs[-1], backprop


def can_fuse(ops: Sequence[DenseOp], shape: Size, dtype: DTypeLike) -> bool:
    """Whether a batch has enough rows, and kernels can read the parameters."""
    if len(shape) != 2 or shape[0] < LEAST_ROWS or not shape[1]:
        return False
    length = shape[1]
    for op in ops:
        units = op.bias.size
        if (op.weight.shape, op.bias.shape) != ((length, units), (units,)) or not fits_kernels(dtype, op.weight, op.bias):
            return False
        length = units
    return True
