"""Homographies (N, 3, 3), in volumes (N, 4, 4): map points, invert, choose the side of the horizon that shows the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.validation import Floats, Shape

__all__ = ["facing", "inverted", "is_affine", "map_points", "map_points_jacobian", "map_points_vjp"]

Matrices = NDArray[np.float64]  # (N, 3, 3), or (N, 4, 4) in volumes

_AFFINE_ROW = np.array([0.0, 0.0, 0.0, 1.0])


def map_points(matrix: Floats, points: Floats) -> Floats:
    """Map points (M, 2) or (N, M, 2) by homographies (N, 3, 3) to (N, M, 2); NaN at and behind the horizon.

    Points (x, y, z) are mapped by (N, 4, 4).
    """
    mapped = points @ np.swapaxes(matrix[:, :, :-1], 1, 2) + matrix[:, None, :, -1]
    depth = mapped[..., -1:]
    with np.errstate(all="ignore"):
        result: Floats = np.where(depth > 0, mapped[..., :-1] / depth, np.nan)
    return result


def map_points_vjp(matrix: Floats, points: Floats, d_mapped: Floats) -> Floats:
    """Gradient with respect to the matrix (N, 3, 3) for a gradient (N, M, 2) with respect to the mapped points."""
    mapped = map_points(matrix, points)
    depth = points @ np.swapaxes(matrix[:, -1:, :-1], 1, 2) + matrix[:, None, -1:, -1]
    with np.errstate(all="ignore"):
        d_rows = d_mapped / depth
        shares = np.where(d_rows != 0, d_rows * mapped, 0)  # a mapped point may be infinite, and 0 * infinity is not 0
        d_rows = np.concatenate([d_rows, -np.sum(shares, axis=-1, keepdims=True)], axis=-1)
    d_rows = np.where(depth > 0, d_rows, 0)
    result: Floats = np.swapaxes(d_rows, 1, 2) @ _homogeneous(points)
    return result


def map_points_jacobian(matrix: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the mapped points with respect to the points, (N, M, 2, 2), and to the matrix, (N, M, 2, 3, 3).

    NaN for points at or behind the horizon. In volumes (N, M, 3, 3) and (N, M, 3, 4, 4).
    """
    axes = matrix.shape[-1] - 1
    mapped = map_points(matrix, points)[..., None]
    depth = (points @ np.swapaxes(matrix[:, -1:, :-1], 1, 2) + matrix[:, None, -1:, -1])[..., None]
    with np.errstate(all="ignore"):
        depth = np.where(depth > 0, depth, np.nan)
        by_points = (matrix[:, None, :-1, :-1] - mapped * matrix[:, None, -1:, :-1]) / depth
        row = _homogeneous(points)[..., None, :] / depth  # (N, M, 1, 3)
        by_matrix = np.zeros((*mapped.shape[:-1], axes + 1, axes + 1))
        for axis in range(axes):
            by_matrix[..., axis, axis, :] = row[..., 0, :]
        by_matrix[..., -1, :] = -mapped * row
    return by_points, by_matrix


def _homogeneous(points: Floats) -> Floats:
    """Points (..., 2) as (x, y, 1)."""
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)


def is_affine(matrix: Floats) -> bool:
    """Whether all matrices (N, 3, 3) are affine with last row (0, 0, 1), or (N, 4, 4) with (0, 0, 0, 1)."""
    return not np.count_nonzero(matrix[:, -1] != _AFFINE_ROW[-matrix.shape[-1] :])


def inverted(matrix: Matrices) -> Matrices:
    """Return the inverses (N, 3, 3), or (N, 4, 4); infinite or NaN where a matrix has none.

    They are adjugates divided by determinants: integers stay integers, where a decomposition would round them. Rows are first
    scaled by powers of two, so that products of their entries neither overflow nor vanish.
    """
    largest = np.abs(matrix).max(axis=2, keepdims=True)
    scale = np.exp2(-np.frexp(np.where(np.isfinite(largest), largest, 1.0))[1].astype(np.float64))
    scaled = matrix * scale
    adjugates = _adjugates(scaled)
    determinants = np.einsum("ni,ni->n", scaled[:, 0], adjugates[:, :, 0])
    result: Matrices = adjugates / determinants[:, None, None] * np.swapaxes(scale, 1, 2)
    return result


def _adjugates(matrix: Matrices) -> Matrices:
    """Transposed cofactors: the determinants of what is left without a row and a column, with alternating signs."""
    if matrix.shape[-1] == 3:
        first, second, third = np.moveaxis(matrix, 1, 0)
        return np.stack([np.cross(second, third), np.cross(third, first), np.cross(first, second)], axis=2)
    result = np.empty_like(matrix)
    for row, column in np.ndindex(4, 4):
        first, second, third = np.moveaxis(np.delete(np.delete(matrix, row, 1), column, 2), 1, 0)
        result[:, column, row] = (-1) ** (row + column) * np.einsum("ni,ni->n", first, np.cross(second, third))
    return result


def facing(matrix: Matrices, in_shape: Shape) -> tuple[Matrices, NDArray[np.float64]]:
    """Scale matrices from output to input pixels so that depths are positive where the input image is seen.

    A matrix and its negative are the same map, but only one side of its horizon shows the image; the other side shows it
    mirrored through the horizon, as a ghost. The side is chosen by the input alone: its center lies in front, and so does the
    larger part of an image that the horizon cuts. An affine map is scaled to depth 1, exactly; others only change their sign.

    Returns
    -------
    matrices : ndarray, (N, 3, 3) or (N, 4, 4)
    factors : ndarray, (N,)
        What the matrices were multiplied by.
    """
    center = np.array([*((size - 1) / 2 for size in in_shape[::-1]), 1.0])
    depth = np.sign(inverted(matrix)[:, -1] @ center)
    factors = np.where((depth == 1) | (depth == -1), depth, _last_sign(matrix[:, -1]))
    is_affine = (matrix[:, -1, :-1] == 0).all(axis=1) & (matrix[:, -1, -1] != 0)
    factors[is_affine] = 1 / matrix[is_affine, -1, -1]
    result = matrix * factors[:, None, None]
    result[is_affine] = matrix[is_affine] / matrix[is_affine, -1:, -1:]
    return result, factors


def _last_sign(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sign of the last nonzero entry of rows (N, 3): decides for maps whose horizon runs through the center of the input."""
    result = np.ones(len(rows))
    for signs in np.nan_to_num(np.sign(rows)).T:
        result = np.where(signs != 0, signs, result)
    return result
