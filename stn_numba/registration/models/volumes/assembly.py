"""From the sums of cells of a lattice to normal equations.

Weights of a voxel are products of weights along z, y and x, so sums are added up by distance and place along each axis.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.registration.volumes.codes import words_of_cell
from stn_numba.registration.models.base import Array
from stn_numba.registration.models.volumes.near_matrix import NearMatrix

__all__ = ["assembled"]

_ONE, _TWO = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]  # axes of the six products of gradients


def assembled(cells: Array, reach: int, scale: Array) -> tuple[NearMatrix, Array]:
    """Return products of derivatives by parameters, N matrices (P, P), and those with m, 1 and f (N, P, 3).

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
    products = np.moveaxis(products, (7, 4, 5, 6), (1, 2, 3, 4)) * (scale[_ONE] * scale[_TWO]).reshape(6, *[1] * 6)
    cross = np.moveaxis(cross.reshape(*cross.shape[:4], 3, 3), 4, 1) * scale[:, None, None, None, None]
    return NearMatrix.of(products), cross.reshape(n, -1, 3)


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
