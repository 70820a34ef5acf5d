"""Homographies between pixels: what a `MatrixGrid` says of normalised positions, said of output and input pixels."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats, Shape, input_axis, output_axis

__all__ = ["is_affine", "pixel_matrix", "pixel_matrix_vjp"]


def pixel_matrix(matrix: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """Homographies (N, 3, 3) from output pixels to input pixels.

    The terms are ordered so that the identity at equal sizes comes out as the identity matrix without any rounding.
    Infinite and NaN entries are let through in silence: the kernels take what comes of them as outside.
    """
    from stn_numba.kernels import homographies

    result = matrix.astype(np.float64, order="C")  # a copy, which is worked on in place
    rewrite = homographies.by_centres if align_corners else homographies.by_edges
    rewrite(result, in_shape[::-1], out_shape[::-1], *_output_axes(out_shape, align_corners))
    return result


@functools.lru_cache(64)
def _output_axes(shape: Shape, align_corners: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the first output pixel lies along x and y, and how far apart pixels are."""
    (step_x, start_x), (step_y, start_y) = (output_axis(size, align_corners) for size in shape[::-1])
    return (start_x, start_y), (step_x, step_y)


def is_affine(matrix: Floats) -> bool:
    """Whether the depth of every point is 1 under all matrices (N, 3, 3)."""
    return not np.count_nonzero(matrix[:, 2] != _AFFINE_ROW)


_AFFINE_ROW = np.array([0.0, 0.0, 1.0])


def pixel_matrix_vjp(d_pixels: Floats, in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """Gradient by the normalised matrices for a gradient (N, 3, 3) by `pixel_matrix`: A^T d B^T, as one product."""
    result: NDArray[np.float64] = d_pixels.reshape(-1, 9) @ _both_sides(in_shape, out_shape, align_corners)
    return result.reshape(d_pixels.shape)


@functools.lru_cache(64)
def _both_sides(in_shape: Shape, out_shape: Shape, align_corners: bool) -> NDArray[np.float64]:
    """The (9, 9) that turns the entries of d into those of A^T d B^T."""
    to_input, from_output = _axis_matrices(in_shape, out_shape, align_corners)
    return np.ascontiguousarray(np.kron(to_input, from_output.T))


def _axis_matrices(in_shape: Shape, out_shape: Shape, align_corners: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From normalised to pixels of the input, and from pixels of the output to normalised."""
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in in_shape[::-1])
    (px, ox), (py, oy) = (output_axis(size, align_corners) for size in out_shape[::-1])
    return np.array([[sx, 0, tx], [0, sy, ty], [0, 0, 1]]), np.array([[px, 0, ox], [0, py, oy], [0, 0, 1]])
