"""The way back through a pooled convolution, patch by patch.

Pooling hands back one gradient for four pixels, and the rectifier often none. Samples in the lanes of a vector have theirs in
different pixels, so nothing can be left out there. Here each sample is dealt with by itself, and the zeros are: a quarter of
the work at most. Vectors then hold neighboring numbers of a row of a patch, which must be long enough for them.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.pad import cropped
from stn_numba.nn.engine.kernel_calls import BlockKernel
from stn_numba.nn.kernels import cpu

if TYPE_CHECKING:
    from stn_numba.nn.engine.conv.blocked import Convolution, Packed

__all__ = ["backward", "pays"]

_PACK, _GRADIENT = BlockKernel("sparse_conv_backward", "pack"), BlockKernel("sparse_conv_backward", "gradient")

_GROUP_BYTES = 1 << 18  # of samples that are worked on together: in a core's own cache, with as much again for gradients


def pays(step: Convolution) -> bool:
    """Whether the rows of a patch fill a few vectors."""
    return bool(step.run >= 3 * step.lanes)


def backward(
    step: Convolution, weights: Packed, x: Floats, dy: Floats, winner: NDArray[np.uint8], wanted: bool
) -> tuple[Floats | None, Arrays]:
    """Gradients for padded blocks x (blocks, H, W, C, lanes), and for dy and the winners (blocks, h, w, F, lanes)."""
    count, numbers = x.shape[4], math.prod(x.shape[1:4])
    weight, rows, vectors = _packed(step, weights)
    group = _group(numbers * x.itemsize, count)
    length = numbers + weight.shape[2]  # tiles may be wider than patches
    d_weight, d_bias = buffers.several([(step.size, step.run, step.filters), (step.filters,)], x.dtype)
    dx = buffers.empty(x.shape if wanted else (1,) * 5, x.dtype)
    samples, d_samples, slopes, total = buffers.several(
        [(count, length), (count, length if wanted else 0), (group * math.prod(dy.shape[1:3]),), weight.shape], x.dtype
    )
    places = np.empty(len(slopes), np.int64)
    _GRADIENT(
        x.dtype, len(x), address_of(x), *x.shape[1:4], address_of(dy), address_of(winner), *dy.shape[1:4],
        step.size, step.stride, address_of(weight), weight.shape[2], *map(address_of, (d_weight, d_bias, dx)), wanted,
        group, address_of(samples), address_of(d_samples), length, *map(address_of, (places, slopes, total)),
        tile=(rows, vectors),
    )  # fmt: skip
    named = {"weight": d_weight.reshape(step.weight.shape), "bias": d_bias}
    return cropped(dx, step.padding) if wanted else None, named


def _packed(step: Convolution, weights: Packed) -> tuple[Floats, int, int]:
    """Weights (F, size, run and zeros), and the rows and vectors of a tile; once for all parts of a batch."""
    if weights.patches is None:
        size, count = step.size, step.lanes
        rows, vectors, tiles = _tile(cpu.vectors(), size, -(-step.run // count))
        packed = buffers.empty((step.filters, size, tiles * vectors * count), step.weight.dtype)
        words = address_of(step.weight), size, step.run, step.filters, address_of(packed), packed.shape[2]
        _PACK(packed.dtype, *words, lanes=False)
        weights.patches = packed, rows, vectors
    return weights.patches


@functools.cache
def _tile(many: int, size: int, vectors: int) -> tuple[int, int, int]:
    """Rows and vectors of a tile for patches of `size` rows of so many vectors, and how many tiles lie in a row.

    The CPU has registers for so `many` vectors.
    """
    most = many - 4  # besides one of slopes, and what LLVM needs
    tiles = -(-vectors // most)
    wide = -(-vectors // tiles)
    return max(rows for rows in range(1, size + 1) if size % rows == 0 and rows * wide <= most), wide, tiles


def _group(size: int, count: int) -> int:
    """How many samples of so many bytes go through all filters together, a divisor of the lanes."""
    return next(group for group in range(count, 0, -1) if count % group == 0 and (group * size <= _GROUP_BYTES or group == 1))
