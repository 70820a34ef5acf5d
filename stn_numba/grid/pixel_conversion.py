"""Convert homographies between normalized positions to homographies from output pixels to input pixels."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.coordinates import axes_matrix, output_axis, pixels_from_normalized
from stn_numba.grid.validation import Floats, Shape
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import kernel

__all__ = ["BETWEEN_PIXELS", "conversion", "from_normalized", "from_normalized_vjp"]

Matrices = NDArray[np.float64]  # (N, 3, 3)

BETWEEN_PIXELS = kernel("kernels.sampling.pixel_homographies", "between_pixels")


def from_normalized(matrix: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> Matrices:
    """Convert homographies (N, 3, 3) between normalized positions to homographies from output pixels to input pixels.

    The terms are ordered so that the identity between equal sizes becomes the identity matrix without any rounding. Infinite
    and NaN entries raise no error: the positions that follow from them lie outside. Matrices (N, 4, 4) are those of volumes.
    """
    if matrix.shape[-1] == 4:
        return _between_voxels(matrix.astype(np.float64), in_shape[::-1], out_shape[::-1], align_corners)
    values = np.ascontiguousarray(matrix)
    result, kind = np.empty(matrix.shape), np.empty(2, np.int64)
    sizes = conversion(in_shape, out_shape, align_corners)
    BETWEEN_PIXELS(address_of(values), values.itemsize, len(values), *sizes, address_of(result), address_of(kind))
    return result


def conversion(in_shape: Shape, out_shape: Shape, align_corners: bool) -> tuple[Any, ...]:
    """The arguments of the kernel that describe the convention and the images."""
    return align_corners, in_shape[::-1], out_shape[::-1], *_output_axes(out_shape, align_corners)


@functools.lru_cache(64)
def _output_axes(shape: Shape, align_corners: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Position of the first output pixel (x, y), and the distance between pixels along x and y."""
    (step_x, start_x), (step_y, start_y) = (output_axis(size, align_corners) for size in shape[::-1])
    return (float(start_x), float(start_y)), (float(step_x), float(step_y))


def from_normalized_vjp(d_pixels: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> Matrices:
    """Gradient with respect to the normalized matrices for a gradient d (N, 3, 3) by `from_normalized`: A^T d B^T."""
    result: Matrices = d_pixels.reshape(-1, d_pixels.shape[-1] ** 2) @ _kronecker(in_shape, out_shape, align_corners)
    return result.reshape(d_pixels.shape)


@functools.lru_cache(64)
def _kronecker(in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """The (9, 9) that converts the entries of d to those of A^T d B^T in one product."""
    from_output = axes_matrix([output_axis(size, align_corners) for size in out_shape[::-1]])
    return np.ascontiguousarray(np.kron(pixels_from_normalized(in_shape, align_corners), from_output.T))


def _between_voxels(matrix: Matrices, in_size: Shape, out_size: Shape, align_corners: bool) -> Matrices:
    """As `from_normalized` for (N, 4, 4), with sizes (W, H, D); `kernels.sampling.pixel_homographies` explains the terms."""
    step, start = np.array([output_axis(size, align_corners) for size in out_size]).T
    sizes, last, lengths = np.array(in_size), np.array(in_size) - 1, np.maximum(out_size, 1)
    result, depth = np.empty_like(matrix), matrix[:, 3]
    with np.errstate(all="ignore"):
        rows = matrix[:, :3] + depth[:, None]
        if align_corners:
            result[:, :3, :3] = rows[..., :3] * (last[:, None] / np.maximum(lengths - 1, 1) * (lengths > 1))
            result[:, :3, 3] = (rows[..., 3] + rows[..., :3] @ start) * (last / 2)
        else:
            along = rows[..., :3] * (sizes[:, None] / lengths)
            share = depth[:, :3] / lengths
            inner = along.sum(axis=2) - (depth[:, 3] - depth[:, :3].sum(axis=1) + share.sum(axis=1))[:, None]
            result[:, :3, :3] = along - share[:, None]
            result[:, :3, 3] = (rows[..., 3] - rows[..., :3].sum(axis=2)) * (sizes / 2) + inner / 2
        result[:, 3, :3] = depth[:, :3] * step
        result[:, 3, 3] = depth[:, 3] + depth[:, :3] @ start
    return result
