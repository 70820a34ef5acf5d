"""The sampler for the parts of a batch, on the threads of `thread_pool`.

Numba's own threads spin for a while after each call, and would take the cores from the layers that come next.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import KernelGrid
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.thread_pool import parallel_map, parallel_map_with_buffer, thread_parts
from stn_numba.nn.kernels.constants import MARGIN
from stn_numba.sampler import sample_vjp
from stn_numba.sampler.interpolation import PiecewisePolynomial

__all__ = ["SampleBackprop", "Sampling", "sample_affine_parts", "sample_parts"]

SampleBackprop = Callable[[Floats, bool], tuple[Floats | None, Floats]]
"""``backprop(d_out, image_gradient) -> (d_image, d_grid)``; d_image is None if it is not wanted."""

_SAMPLE_WITH_SLOPES, _MATRIX_GRADIENT = (
    kernel("nn.kernels.affine_sampling", name) for name in ("sample_with_slopes", "matrix_gradient")
)

_STRIP = 512  # values of some output rows that are computed together
_WORTH_A_PART = 1 << 16  # output numbers, some 200 microseconds; to wake a thread takes 100


class Sampling(NamedTuple):
    """How to sample, as options of `stn_numba.sample`."""

    kernel: str | PiecewisePolynomial = "bilinear"
    padding: str = "zeros"
    antialias: bool = False


_PLAIN = Sampling()


def sample_parts(
    x: Floats, grid: KernelGrid, sampling: Sampling = _PLAIN, *, training: bool = False
) -> tuple[Floats, SampleBackprop]:
    """Return what `stn_numba.sample_vjp` does, computed in parallel.

    In `training`, affine maps with plain bilinear sampling are computed by kernels whose forward is a little slower and whose
    backward is much faster; their results differ by rounding. Results do not depend on the number of threads.
    """
    # positions and indices must be whole numbers that float32 and int32 hold
    is_small = max(x.shape[1:3]) < 1 << 20 and math.prod(x.shape[1:]) < 1 << 30
    if training and is_small and grid.ndim == 2 and sampling == _PLAIN:
        matrix = grid.affine_matrices((x.shape[1], x.shape[2]))
        if matrix is not None:
            return sample_affine_parts(x, grid, matrix)
    parts = thread_parts(len(x), len(x) * math.prod(grid.shape) * x.shape[-1] // _WORTH_A_PART)

    def forward_part(part: slice) -> Any:
        return sample_vjp(x[part], grid[part] if len(parts) > 1 else grid, **sampling._asdict(), num_threads=1)

    outs, backprops = zip(*parallel_map(forward_part, parts), strict=True)

    def backprop(d_out: Floats, image_gradient: bool) -> tuple[Floats | None, Floats]:
        def backward_part(number: int) -> Any:
            return backprops[number](d_out[parts[number]], image=image_gradient)

        d_images, d_grids = zip(*parallel_map(backward_part, range(len(parts))), strict=True)
        return _joined(d_images) if image_gradient else None, _joined(d_grids)

    return _joined(outs), backprop


def _joined(parts: tuple[Floats, ...]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def sample_affine_parts(x: Floats, grid: KernelGrid, matrix: Floats) -> tuple[Floats, SampleBackprop]:
    """Return what `sample_parts` does, for affine maps (N, 3, 3) between pixels and zeros beyond the edge."""
    matrix = matrix[:, :2].astype(x.dtype, order="C")
    x = np.ascontiguousarray(x)
    (h, w), C = grid.shape, x.shape[3]
    rows = (len(x), h, w * C)
    out, x_slope, y_slope = (buffers.empty(rows, x.dtype) for _ in range(3))
    parts = thread_parts(len(x), out.size // _WORTH_A_PART)
    padded = tuple(length + 2 * MARGIN for length in x.shape[1:3])

    def forward_part(part: slice) -> None:
        strip = _strip(h, w, C, x.dtype)
        scratch = np.zeros((*padded, C), x.dtype), *strip, np.empty_like(strip[2]), np.empty((6, len(strip[0])), x.dtype)
        _SAMPLE_WITH_SLOPES(x[part], matrix[part], out[part], x_slope[part], y_slope[part], *scratch)

    parallel_map(forward_part, parts)

    def backprop(d_out: Floats, image_gradient: bool) -> tuple[Floats | None, Floats]:
        d_matrix = np.zeros((len(x), 3, 3))
        arrays = (np.ascontiguousarray(d_out).reshape(rows), x_slope, y_slope)

        def backward_part(part: slice, *, buffer: Floats) -> None:
            _MATRIX_GRADIENT(*(array[part] for array in arrays), C, matrix[part], buffer, d_matrix[part])

        parallel_map_with_buffer(backward_part, parts, lambda: np.empty((6, w * C), x.dtype))
        d_grid = grid.pixel_matrix_vjp(d_matrix, (x.shape[1], x.shape[2]))
        return image_gradient_parts(d_out) if image_gradient else None, d_grid

    def image_gradient_parts(d_out: Floats) -> Floats:
        def of_part(part: slice) -> Any:
            piece = grid[part] if len(parts) > 1 else grid
            return sample_vjp(x[part], piece, num_threads=1)[1](d_out[part], grid=False)[0]

        return _joined(tuple(parallel_map(of_part, parts)))

    return out.reshape(len(x), h, w, C), backprop


@functools.cache
def _strip(h: int, w: int, C: int, dtype: np.dtype[Any]) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Return column and row of each value in a strip of some whole output rows, as floats, and its channel."""
    rows = max(1, min(h, _STRIP // (w * C)))
    row, column, channel = (index.ravel() for index in np.indices((rows, w, C)))
    return column.astype(dtype), row.astype(dtype), channel.astype(np.int32)
