"""The sampler on parts of a batch, each part on a thread of `workers`.

Numba's own threads spin for a while after each call, and would take the cores from the layers that come next.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import KernelGrid
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.thread_pool import each_number, each_part, thread_parts
from stn_numba.nn.kernels.constants import MARGIN
from stn_numba.sampler import sample_vjp

__all__ = ["SamplesBackprop", "attend_parts", "sample_parts"]

SamplesBackprop = Callable[[Floats, bool], tuple[Floats | None, Floats]]

_ATTEND, _MATRIX_GRADIENT = (kernel("nn.kernels.attend", name) for name in ("attend", "matrix_gradient"))

_STRIP = 512  # values of some output rows that are worked on together
_WORTH_A_PART = 1 << 16  # output numbers; a thread takes some 200 microseconds for them, and waking one takes 100


def sample_parts(x: Floats, grid: KernelGrid, padding: str, *, training: bool = False) -> tuple[Floats, SamplesBackprop]:
    """As `stn_numba.sample_vjp`; ``backprop(d_out, image) -> (d_image, d_grid)``, d_image None unless `image`.

    Samples do not touch each other, so the number of threads does not show. In `training`, affine maps take a way that costs
    a little more forward and much less back; the two differ by rounding.
    """
    if training and padding == "zeros" and _small(x):
        matrix = grid.affine_matrices((x.shape[1], x.shape[2]))
        if matrix is not None:
            return attend_parts(x, grid, matrix)
    parts = thread_parts(len(x), len(x) * grid.shape[0] * grid.shape[1] * x.shape[3] // _WORTH_A_PART)
    if len(parts) < 2:
        out, from_out = sample_vjp(x, grid, padding=padding, num_threads=1)

        def backprop_whole(d_out: Floats, image: bool) -> tuple[Floats | None, Floats]:
            d_image, d_grid = from_out(d_out, image=image)
            assert d_grid is not None
            return d_image, d_grid

        return out, backprop_whole
    pieces = each_part(lambda part, _: sample_vjp(x[part], grid[part], padding=padding, num_threads=1), parts)

    def backprop(d_out: Floats, image: bool) -> tuple[Floats | None, Floats]:
        shares = each_number(lambda number: pieces[number][1](d_out[parts[number]], image=image), len(parts))
        d_grid = np.concatenate([share for _, share in shares if share is not None])
        return np.concatenate([share for share, _ in shares if share is not None]) if image else None, d_grid

    return np.concatenate([out for out, _ in pieces]), backprop


def _small(x: Floats) -> bool:
    """Whether positions and places in an image are whole numbers that float32 and int32 hold."""
    return max(x.shape[1:3]) < 1 << 20 and math.prod(x.shape[1:]) < 1 << 30


def attend_parts(x: Floats, grid: KernelGrid, matrix: Floats) -> tuple[Floats, SamplesBackprop]:
    """As `sample_parts`, for affine maps (N, 3, 3) between pixels and zeros beyond the edge."""
    matrix = matrix[:, :2].astype(x.dtype, order="C")
    x = np.ascontiguousarray(x)
    (h, w), C = grid.shape, x.shape[3]
    rows = (len(x), h, w * C)
    out, x_slope, y_slope = (buffers.empty(rows, x.dtype) for _ in range(3))
    parts = thread_parts(len(x), out.size // _WORTH_A_PART)
    padded = tuple(length + 2 * MARGIN for length in x.shape[1:3])

    def forward_part(part: slice, _: Floats) -> None:
        strip = _strip(h, w, C, x.dtype)
        scratch = np.zeros((*padded, C), x.dtype), *strip, np.empty_like(strip[2]), np.empty((6, len(strip[0])), x.dtype)
        _ATTEND(x[part], matrix[part], out[part], x_slope[part], y_slope[part], *scratch)

    each_part(forward_part, parts)

    def backprop(d_out: Floats, image: bool) -> tuple[Floats | None, Floats]:
        d_matrix = np.zeros((len(x), 3, 3))
        arrays = (np.ascontiguousarray(d_out).reshape(rows), x_slope, y_slope)

        def backward_part(part: slice, sums: Floats) -> None:
            _MATRIX_GRADIENT(*(array[part] for array in arrays), C, matrix[part], sums, d_matrix[part])

        each_part(backward_part, parts, lambda: np.empty((6, w * C), x.dtype))
        d_grid = grid.pixel_matrix_vjp(d_matrix, (x.shape[1], x.shape[2]))
        d_image = sample_vjp(x, grid, num_threads=1)[1](d_out, grid=False)[0] if image else None
        return d_image, d_grid

    return out.reshape(len(x), h, w, C), backprop


@functools.cache
def _strip(h: int, w: int, C: int, dtype: np.dtype[Any]) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Column and row of each value in a strip of some whole output rows, as floats, and its channel."""
    rows = max(1, min(h, _STRIP // (w * C)))
    row, column, channel = (index.ravel() for index in np.indices((rows, w, C)))
    return column.astype(dtype), row.astype(dtype), channel.astype(np.int32)
