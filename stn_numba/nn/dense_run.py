"""Runs of fully connected layers and rectifiers: all layers of a run in one call of a kernel.

A thread that comes back from a call waits until it gets Python's lock, and small layers are done sooner than that.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from stn_numba.nn import memory
from stn_numba.nn.dense import Dense
from stn_numba.nn.layer import Arrays, Backprop, Floats, Named, as_gradient
from stn_numba.nn.workers import each_number, each_part, summed

__all__ = ["LEAST_ROWS", "pays", "run"]

# Fewer are done by NumPy, as fast: the kernels load SciPy for its BLAS, which a first prediction should not wait for.
LEAST_ROWS = 16

_WORTH_A_PART = 1 << 24  # products; a thread takes some 300 microseconds for them


def pays(layers: Sequence[Named], x: Floats) -> bool:
    """Whether arrays are such as the kernels take, and many enough."""
    if x.ndim != 2 or len(x) < LEAST_ROWS or x.shape[1] != len(layers[0][1].params["weight"]):
        return False
    arrays = [array for _, layer in layers for array in layer.params.values()]
    return x.size > 0 and all(array.dtype == x.dtype and array.flags.c_contiguous for array in arrays)


def run(layers: Sequence[Named], x: Floats) -> tuple[Floats, Backprop]:
    """Return the output (N, units) of layers, of which the first is a `Dense`, for x (N, D), and the way back."""
    from stn_numba.nn.kernels import dense

    x = np.ascontiguousarray(x)
    places = [place for place, (_, layer) in enumerate(layers) if type(layer) is Dense]
    weights, biases = (tuple([layers[place][1].params[key] for place in places]) for key in ("weight", "bias"))
    rectified = tuple([end > start + 1 for start, end in itertools.pairwise((*places, len(layers)))])
    outputs = memory.several([(len(x), weight.shape[1]) for weight in weights], x.dtype)
    parts = _parts(len(x), sum(weight.size for weight in weights))

    def forward_part(part: slice, _: Floats) -> None:
        dense.forward(x[part], weights, biases, rectified, tuple([y[part] for y in outputs]))

    each_part(forward_part, parts)

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        dy = as_gradient(layers[-1][1], dy, outputs[-1])
        slopes = memory.several([y.shape for y in outputs], x.dtype)
        dx = memory.empty(x.shape if input_gradient else (0, 0), x.dtype)
        keys = [f"{layers[place][0]}.{key}" for key in ("weight", "bias") for place in places]

        def backward_part(number: int) -> Arrays:
            part = parts[number]
            own = memory.several([array.shape for array in (*weights, *biases)], x.dtype)
            d_weights, d_biases = own[: len(weights)], own[len(weights) :]
            y_part, slopes_part = (tuple(array[part] for array in several) for several in (outputs, slopes))
            gradients = (slopes_part, d_weights, d_biases, dx[part], input_gradient)
            dense.backward(x[part], weights, rectified, y_part, dy[part], *gradients)
            return dict(zip(keys, own, strict=True))

        return (dx if input_gradient else None), summed(each_number(backward_part, len(parts)))

    return outputs[-1], backprop


def _parts(rows: int, products: int) -> list[slice]:
    """Cut rows, each of so many products, into parts that are worth a thread's while; shapes alone decide."""
    pieces = max(1, min(rows, rows * products // _WORTH_A_PART))
    return [slice(k * rows // pieces, (k + 1) * rows // pieces) for k in range(pieces)]
