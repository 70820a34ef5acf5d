"""From the sums of cells of a lattice to normal equations.

Weights of a voxel are products of weights along z, y and x. So the sum for two control points depends, axis by axis, on how far
one is from the other and where the first of them is, but not on which of both it is. Sums are added up in this form,
(distance, place) along each axis, which has far fewer numbers than the matrix that it makes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration.volumes.codes import words_of_cell
from stn_numba.registration.models.base import Array

__all__ = ["assembled"]

_AXES = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])  # which of six products of gradients is that of two axes


def assembled(cells: Array, reach: int, scale: Array) -> tuple[Array, Array]:
    """Return products of derivatives by parameters (N, P, P), and those with m, 1 and f (N, P, 3).

    Parameters
    ----------
    cells : ndarray, (N, planes, rows, columns, words)
        Sums of all cells of N pairs, as the kernel `lattice_sums` writes them.
    reach : int
        Control points along an axis that displace a voxel.
    scale : ndarray, (3,)
        Voxels in a unit of each normalized coordinate: kernels sum derivatives by displacements in voxels.
    """
    pairs, (long, short, _) = reach * (reach + 1) // 2, words_of_cell(reach)
    n, *grid, _ = cells.shape
    products, cross = np.split(cells, [pairs * pairs * long], axis=-1)
    products = products.reshape(n, *grid, pairs, pairs, long)[..., : 6 * pairs].reshape(n, *grid, pairs, pairs, pairs, 6)
    cross = cross.reshape(n, *grid, reach, reach, short)[..., : 9 * reach].reshape(n, *grid, reach, reach, reach, 3, 3)
    for axis in range(1, 4):
        products = _by_distance(products, axis, axis + 3, reach)
        cross = _by_place(cross, axis, axis + 3)
    shape = n, 3 * products[0, :, :, :, 0, 0, 0, 0].size
    cross = np.moveaxis(cross.reshape(*cross.shape[:4], 3, 3), 4, 1) * scale[:, None, None, None, None]
    return _matrix(products, reach, scale).reshape(*shape, shape[1]), cross.reshape(*shape, 3)


def _by_distance(sums: Array, axis: int, pair_axis: int, reach: int) -> Array:
    """Sums by cell and pair of control points of a cell: by the first control point, and the distance to the second one."""
    source = np.moveaxis(sums, (pair_axis, axis), (0, 1))
    cells = source.shape[1]
    target = np.zeros((reach, cells + reach - 1, *source.shape[2:]))
    for high in range(reach):
        for low in range(high + 1):
            target[high - low, low : low + cells] += source[high * (high + 1) // 2 + low]  # pairs as kernels count them
    return np.moveaxis(target, (0, 1), (pair_axis, axis))


def _by_place(sums: Array, axis: int, point_axis: int) -> Array:
    """Sums by cell and control point of a cell: by control point, with an axis of length 1 for the latter."""
    source = np.moveaxis(sums, (point_axis, axis), (0, 1))
    reach, cells = source.shape[:2]
    target = np.zeros((1, cells + reach - 1, *source.shape[2:]))
    for place in range(reach):
        target[0, place : place + cells] += source[place]
    return np.moveaxis(target, (0, 1), (point_axis, axis))


def _matrix(sums: Array, reach: int, scale: Array) -> Array:
    """(N, 3, planes, rows, columns, 3, planes, rows, columns) of sums (N, planes, rows, columns, S, S, S, 6) by distance."""
    n, *lattice = sums.shape[:4]
    wide = np.moveaxis(sums, (7, 0), (0, 1))
    for axis, count in enumerate(lattice, 2):
        wide = _by_pair(wide, axis, count, reach)
    result: NDArray[np.float64] = np.empty((n, 3, *lattice, 3, *lattice))
    for i in range(3):
        for j in range(3):
            result[:, i, :, :, :, j] = wide[_AXES[i, j]] * (scale[i] * scale[j])
    return result


def _by_pair(sums: Array, axis: int, count: int, reach: int) -> Array:
    """Sums by place and distance along an axis: by both control points; 0 where they are too far from each other."""
    one, two = np.indices((count, count))
    distance = abs(one - two)
    near = distance < reach
    by_both = np.moveaxis(sums, (axis, axis + 3), (0, 1))[np.minimum(one, two), np.where(near, distance, 0)]
    by_both[~near] = 0
    return np.moveaxis(by_both, (0, 1), (axis, axis + 3))
