"""Tables for lattices of displacements of volumes: which control points displace the voxels of a level."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.lattice import LatticeTransform

__all__ = ["VoxelTables", "reaches", "voxel_tables"]

Array = NDArray[Any]

_LINES = 32  # planes, and rows, of voxels that a task sums at most
_PADDING = 16  # numbers behind the last, which kernels may load


class VoxelTables(NamedTuple):
    """What kernels know of the voxels of a level.

    Attributes
    ----------
    cells : ndarray of int64, (cells, 3)
        Runs of columns of voxels with the same control points: first column, the one behind the last, first control point.
    across : ndarray, (S, w + padding), float32
        Weights of columns of voxels.
    down, deep : ndarray, (h, S) and (d, S), float64
        Weights of rows and planes of voxels.
    tops, fronts : ndarray of int64, (h,) and (d,)
        First control point of each row and plane.
    bounds : ndarray of int64, (tasks, 4)
        Planes [k, k_end) and rows [i, i_end) of each task, which have the same control points.
    corners : dict
        Tasks by their first control points (plane, row).
    """

    cells: Array
    across: Array
    down: Array
    deep: Array
    tops: Array
    fronts: Array
    bounds: Array
    corners: dict[tuple[int, int], list[int]]


def reaches(transform: LatticeTransform) -> list[int]:
    """Return how many control points of each axis displace a point."""
    return [int(transform.axis_weights(np.zeros(1), count)[1].shape[1]) for count in transform.lattice]


def voxel_tables(transform: LatticeTransform, level: Level) -> VoxelTables:
    """Return the tables of a level."""
    lines = [
        transform.axis_control(start + step * np.arange(size, dtype=np.float64), count)
        for step, start, size, count in zip(
            level.axes[::2], level.axes[1::2], level.shape[::-1], transform.lattice[::-1], strict=True
        )
    ]
    (x, x_weights), (y, y_weights), (z, z_weights) = lines
    w = level.shape[2]
    across = np.zeros((x_weights.shape[1], w + _PADDING), np.float32)
    across[:, :w] = x_weights.T
    starts = np.flatnonzero(np.diff(x[:, 0], prepend=-1))
    cells = np.stack([starts, np.append(starts[1:], w), x[starts, 0]], axis=1).astype(np.int64)
    bounds: list[tuple[int, ...]] = []
    corners: dict[tuple[int, int], list[int]] = {}
    for (k, k_end, front), (i, i_end, top) in itertools.product(_runs(z[:, 0]), _runs(y[:, 0])):
        corners.setdefault((front, top), []).append(len(bounds))
        bounds.append((k, k_end, i, i_end))
    down, deep = np.ascontiguousarray(y_weights, np.float64), np.ascontiguousarray(z_weights, np.float64)
    tops, fronts = np.ascontiguousarray(y[:, 0], np.int64), np.ascontiguousarray(z[:, 0], np.int64)
    return VoxelTables(cells, across, down, deep, tops, fronts, np.array(bounds, np.int64), corners)


def _runs(first: Array) -> list[tuple[int, int, int]]:
    """Runs of lines with the same first control point, not too long: first line, the one behind the last, control point."""
    changes = np.append(np.flatnonzero(np.diff(first, prepend=-1)), len(first))
    return [
        (int(start), int(min(start + _LINES, end)), int(first[start]))
        for begin, end in itertools.pairwise(changes)
        for start in range(begin, end, _LINES)
    ]
