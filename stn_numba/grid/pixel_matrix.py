"""Homographies between output and input pixels: from normalized ones, inverted, and turned towards the input image."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.coordinates import Floats, Shape, input_axis, output_axis
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import kernel

__all__ = ["facing", "from_normalized", "from_normalized_vjp", "inverted", "is_affine"]

Matrices = NDArray[np.float64]  # (N, 3, 3)

BETWEEN_PIXELS = kernel("kernels.sampling.pixel_homographies", "between_pixels")

_AFFINE_ROW = np.array([0.0, 0.0, 1.0])


def from_normalized(matrix: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> Matrices:
    """Turn homographies (N, 3, 3) between normalized positions into those from output pixels to input pixels.

    The terms are ordered so that the identity at equal sizes comes out as the identity matrix without any rounding.
    Infinite and NaN entries raise nothing: the positions that follow from them lie outside.
    """
    values = np.ascontiguousarray(matrix)
    result, kind = np.empty(matrix.shape), np.empty(2, np.int64)
    sizes = conversion(in_shape, out_shape, align_corners)
    BETWEEN_PIXELS(address_of(values), values.itemsize, len(values), *sizes, address_of(result), address_of(kind))
    return result


def conversion(in_shape: Shape, out_shape: Shape, align_corners: bool) -> tuple[Any, ...]:
    """What the kernel of `from_normalized` has to know of the images."""
    return align_corners, in_shape[::-1], out_shape[::-1], *_output_axes(out_shape, align_corners)


@functools.lru_cache(64)
def _output_axes(shape: Shape, align_corners: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the first output pixel lies along x and y, and how far apart pixels are."""
    (step_x, start_x), (step_y, start_y) = (output_axis(size, align_corners) for size in shape[::-1])
    return (float(start_x), float(start_y)), (float(step_x), float(step_y))


def from_normalized_vjp(d_pixels: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> Matrices:
    """Gradient by the normalized matrices for a gradient (N, 3, 3) by `from_normalized`: A^T d B^T, as one product."""
    result: Matrices = d_pixels.reshape(-1, 9) @ _both_sides(in_shape, out_shape, align_corners)
    return result.reshape(d_pixels.shape)


@functools.lru_cache(64)
def _both_sides(in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """The (9, 9) that turns the entries of d into those of A^T d B^T."""
    to_input, from_output = _axis_matrices(in_shape, out_shape, align_corners)
    return np.ascontiguousarray(np.kron(to_input, from_output.T))


def _axis_matrices(in_shape: Shape, out_shape: Shape, align_corners: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From normalized to pixels of the input, and from pixels of the output to normalized."""
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in in_shape[::-1])
    (px, ox), (py, oy) = (output_axis(size, align_corners) for size in out_shape[::-1])
    return np.array([[sx, 0, tx], [0, sy, ty], [0, 0, 1]]), np.array([[px, 0, ox], [0, py, oy], [0, 0, 1]])


def is_affine(matrix: Floats) -> bool:
    """Whether the depth of every point is 1 under all matrices (N, 3, 3)."""
    return not np.count_nonzero(matrix[:, 2] != _AFFINE_ROW)


def inverted(matrix: Matrices) -> Matrices:
    """Return the inverses (N, 3, 3); infinite or NaN where a matrix has none.

    They are adjugates divided by determinants: whole numbers stay whole, where a decomposition would round them. Rows are first
    scaled by powers of two, so that products of their entries neither overflow nor vanish.
    """
    largest = np.abs(matrix).max(axis=2, keepdims=True)
    scale = np.exp2(-np.frexp(np.where(np.isfinite(largest), largest, 1.0))[1].astype(np.float64))
    first, second, third = np.moveaxis(matrix * scale, 1, 0)
    columns = np.cross(second, third), np.cross(third, first), np.cross(first, second)
    determinants = np.einsum("ni,ni->n", first, columns[0])
    result: Matrices = np.stack(columns, axis=2) / determinants[:, None, None] * np.swapaxes(scale, 1, 2)
    return result


def facing(matrix: Matrices, in_shape: Shape) -> tuple[Matrices, NDArray[np.float64]]:
    """Scale matrices from output to input pixels so that depths are positive where the input image is seen.

    A matrix and its negative are the same map, but only one side of its horizon shows the image; the other side shows it
    mirrored through the horizon, as a ghost. The side is chosen by the input alone: its center lies in front, and so does the
    larger part of an image that the horizon cuts. An affine map is scaled to depth 1, exactly; others only change their sign.

    Returns
    -------
    The matrices (N, 3, 3), and the factors (N,) they were multiplied by.
    """
    center = np.array([(in_shape[1] - 1) / 2, (in_shape[0] - 1) / 2, 1.0])
    depth = np.sign(inverted(matrix)[:, 2] @ center)
    factors = np.where((depth == 1) | (depth == -1), depth, _first_sign(matrix[:, 2]))
    is_affine = (matrix[:, 2, :2] == 0).all(axis=1) & (matrix[:, 2, 2] != 0)
    factors[is_affine] = 1 / matrix[is_affine, 2, 2]
    result = matrix * factors[:, None, None]
    result[is_affine] = matrix[is_affine] / matrix[is_affine, 2:, 2:]
    return result, factors


def _first_sign(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sign of the last entry (N, 3) that is not 0: a choice for maps whose horizon runs through the center of the input."""
    signs = np.nan_to_num(np.sign(rows))
    return np.where(
        signs[:, 2] != 0, signs[:, 2], np.where(signs[:, 1] != 0, signs[:, 1], np.where(signs[:, 0] < 0, -1.0, 1.0))
    )
