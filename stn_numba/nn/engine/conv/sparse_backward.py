"""The backward of a convolution with 2 x 2 max pooling after it, without the pixels that have no gradient.

Only one of four pixels has a gradient after pooling, and often none after the ReLU. Samples in the lanes of a vector have
theirs at different pixels, so no pixel can be skipped for all of them. Here each sample is handled alone and zeros are skipped:
at most a quarter of the work. Vectors then hold neighboring numbers of a row of a patch, which must be long enough for them.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.address_kernels import AddressKernel, lane_count
from stn_numba.nn.engine.conv.pad import cropped
from stn_numba.nn.engine.conv.spec import ConvSpec
from stn_numba.nn.kernels import cpu

__all__ = ["SparseWeights", "backward", "is_faster", "pack"]

_PACK, _GRADIENT = AddressKernel("sparse_conv_backward", "pack"), AddressKernel("sparse_conv_backward", "gradient")

_GROUP_BYTES = 1 << 18  # of samples that are handled together: in a core's own cache, with as much again for gradients


class SparseWeights(NamedTuple):
    """Weights (filters, kernel_size, row and zeros) for rows of whole tiles, and rows and vectors of a tile."""

    values: Floats
    rows: int
    vectors: int


def is_faster(weight: Floats) -> bool:
    """Whether a row of a patch fills at least three vectors, for weights (kernel_size, kernel_size, C, filters)."""
    return bool(weight.shape[1] * weight.shape[2] >= 3 * lane_count(weight.dtype))


def pack(weight: Floats) -> SparseWeights:
    """Copy weights (kernel_size, kernel_size, C, filters) to the layout of `backward`."""
    size, _, C, filters = weight.shape
    lanes, row = lane_count(weight.dtype), size * C
    rows, vectors, tiles = _tile(cpu.vectors(), size, -(-row // lanes))
    values = buffers.empty((filters, size, tiles * vectors * lanes), weight.dtype)
    _PACK(weight.dtype, address_of(weight), size, row, filters, address_of(values), values.shape[2], lanes=False)
    return SparseWeights(values, rows, vectors)


def backward(
    spec: ConvSpec, weights: SparseWeights, x: Floats, dy: Floats, winner: NDArray[np.uint8], input_gradient: bool
) -> tuple[Floats | None, Arrays]:
    """Return (dx, gradients) for padded blocks x (blocks, H, W, C, lanes), dy and winners (blocks, h, w, filters, lanes)."""
    (filters, size, stride, padding), (weight, rows, vectors), C = spec, weights, x.shape[3]
    lanes, numbers = x.shape[4], math.prod(x.shape[1:4])
    group = _group(numbers * x.itemsize, lanes)
    length = numbers + weight.shape[2]  # tiles may be wider than patches
    d_weight, d_bias = buffers.empty_together([(size, size, C, filters), (filters,)], x.dtype)
    dx = buffers.empty(x.shape if input_gradient else (1,) * 5, x.dtype)
    samples, d_samples, slopes, total = buffers.empty_together(
        [(lanes, length), (lanes, length if input_gradient else 0), (group * math.prod(dy.shape[1:3]),), weight.shape], x.dtype
    )
    places = np.empty(len(slopes), np.int64)
    _GRADIENT(
        x.dtype, len(x), address_of(x), *x.shape[1:4], address_of(dy), address_of(winner), *dy.shape[1:4],
        size, stride, address_of(weight), weight.shape[2], *map(address_of, (d_weight, d_bias, dx)), input_gradient,
        group, address_of(samples), address_of(d_samples), length, *map(address_of, (places, slopes, total)),
        tile=(rows, vectors),
    )  # fmt: skip
    return cropped(dx, padding) if input_gradient else None, {"weight": d_weight, "bias": d_bias}


@functools.cache
def _tile(registers: int, size: int, vectors: int) -> tuple[int, int, int]:
    """Return rows and vectors of a tile for patches of `size` rows of `vectors`, and the number of tiles in a row."""
    most = registers - 4  # besides one of slopes, and what LLVM needs
    tiles = -(-vectors // most)
    wide = -(-vectors // tiles)
    return max(rows for rows in range(1, size + 1) if size % rows == 0 and rows * wide <= most), wide, tiles


def _group(size: int, lanes: int) -> int:
    """Return how many samples of `size` bytes go through all filters together, a divisor of the lanes."""
    return next(group for group in range(lanes, 0, -1) if lanes % group == 0 and (group * size <= _GROUP_BYTES or group == 1))
