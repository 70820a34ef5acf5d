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
    m = matrix.transpose(1, 2, 0).astype(np.float64, order="C")  # (3, 3, N), entry by entry: a copy
    with np.errstate(over="ignore", invalid="ignore"):
        depth = m[2] if is_affine(matrix) else _depth_row(m[2], out_shape, align_corners)
        rows = _centre_rows if align_corners else _edge_rows
        m[:2] += m[2]  # (x + 1) * depth: from the first pixel's centre or edge
        m[:2] = rows(m[:2], m[2], in_shape, out_shape)
    m[2] = depth
    return np.ascontiguousarray(m.transpose(2, 0, 1))


def is_affine(matrix: Floats) -> bool:
    """Whether the depth of every point is 1 under all matrices (N, 3, 3)."""
    return not np.count_nonzero(matrix[:, 2] != _AFFINE_ROW)


_AFFINE_ROW = np.array([0.0, 0.0, 1.0])


def _depth_row(row: Floats, out_shape: Shape, align_corners: bool) -> Floats:
    """Last row of pixel matrices: the given row (3, N), with x and y written as step * pixel + start."""
    (step_x, start_x), (step_y, start_y) = (output_axis(size, align_corners) for size in out_shape[::-1])
    a, b, c = row
    return np.stack([a * step_x, b * step_y, c + a * start_x + b * start_y])


def _centre_rows(shifted: Floats, _: Floats, in_shape: Shape, out_shape: Shape) -> Floats:
    """Rows (2, 3, N) of pixel matrices where -1 and +1 are centres: (size - 1) / 2 * shifted, exact at the identity."""
    along, scale, start_x, start_y = _centre_steps(in_shape, out_shape)
    result = np.empty_like(shifted)
    np.multiply(shifted[:, :2], along, out=result[:, :2])
    result[:, 2] = (shifted[:, 2] + shifted[:, 0] * start_x + shifted[:, 1] * start_y) * scale
    return result


@functools.lru_cache(64)
def _centre_steps(in_shape: Shape, out_shape: Shape) -> tuple[Floats, Floats, float, float]:
    """What `_centre_rows` takes: scale times step as one quotient, since 49 * (1 / 49) is not 1."""
    along = [[(size - 1) / (length - 1) if length > 1 else 0.0 for length in out_shape[::-1]] for size in in_shape[::-1]]
    (_, start_x), (_, start_y) = (output_axis(length, True) for length in out_shape[::-1])
    return np.array(along)[:, :, None], (np.array(in_shape[::-1])[:, None] - 1) / 2, start_x, start_y


def _edge_rows(shifted: Floats, depth: Floats, in_shape: Shape, out_shape: Shape) -> Floats:
    """Rows (2, 3, N) of pixel matrices where -1 and +1 are edges: size / 2 * shifted - depth / 2, exact at the identity."""
    a, b, c = np.moveaxis(shifted, 1, 0)
    d, e, f = depth
    h, w, size = max(out_shape[0], 1), max(out_shape[1], 1), np.array(in_shape[::-1], np.float64)[:, None]
    result = np.empty_like(shifted)
    result[:, 0], result[:, 1] = a * (size / w) - d / w, b * (size / h) - e / h
    inner = (a * (size / w) + b * (size / h)) - (f - d - e) - (d / w + e / h)
    result[:, 2] = (c - a - b) * (size / 2) + inner / 2
    return result


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
