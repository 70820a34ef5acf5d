"""Tables for lattices of displacements: which control points displace the pixels of a level, and where sums belong."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration.codes import words_of_cell
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.lattice import LatticeTransform

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Assembly", "PixelTables", "assembly", "pixel_tables", "reaches"]

Array = NDArray[Any]

_ROWS = 32  # of pixels that a task sums at most
_PADDING = 16  # numbers behind the last, which kernels may load


class PixelTables(NamedTuple):
    """What kernels know of the pixels of a level.

    Attributes
    ----------
    cells : ndarray of int64, (cells, 3)
        Runs of columns of pixels with the same control points: first column, the one behind the last, first control point.
    across : ndarray, (S, w + padding), float32
        Weights of columns of pixels.
    down : ndarray, (h, S), float64
        Weights of rows of pixels.
    tops : ndarray of int64, (h,)
        First control point of each row.
    bounds : ndarray of int64, (tasks + 1,)
        Task k sums the rows [k, k + 1), which have the same control points.
    """

    cells: Array
    across: Array
    down: Array
    tops: Array
    bounds: Array


class Assembly(NamedTuple):
    """From sums of cells to normal equations.

    Attributes
    ----------
    matrix : csr_array
        Sums of a cell's words for all cells of a lattice, to the entries of jj that are not 0, then to jr.
    places : ndarray of int, (entries,)
        Where these entries are in jj, (P, P).
    cells : (int, int)
        Rows and columns of cells.
    """

    matrix: csr_array
    places: Array
    cells: tuple[int, int]


def reaches(transform: LatticeTransform) -> tuple[int, int]:
    """Return how many control points of each axis displace a point: (S of rows, S of columns)."""
    rows, columns = transform.lattice
    down, across = (transform.axis_weights(np.zeros(1), count)[1].shape[1] for count in (rows, columns))
    return down, across


def pixel_tables(transform: LatticeTransform, level: Level) -> PixelTables:
    """Return the tables of a level."""
    (rows, columns), (h, w) = transform.lattice, level.shape
    step_x, start_x, step_y, start_y = level.axes
    x, x_weights = transform.axis_control(start_x + step_x * np.arange(w, dtype=np.float64), columns)
    y, y_weights = transform.axis_control(start_y + step_y * np.arange(h, dtype=np.float64), rows)
    across = np.zeros((x_weights.shape[1], w + _PADDING), np.float32)
    across[:, :w] = x_weights.T
    starts = np.flatnonzero(np.diff(x[:, 0], prepend=-1))
    cells = np.stack([starts, np.append(starts[1:], w), x[starts, 0]], axis=1)
    changes = np.append(np.flatnonzero(np.diff(y[:, 0], prepend=-1)), h)
    bounds = np.concatenate([*(np.arange(first, last, _ROWS) for first, last in itertools.pairwise(changes)), [h]])
    tops = np.ascontiguousarray(y[:, 0], np.int64)
    return PixelTables(
        cells.astype(np.int64), across, np.ascontiguousarray(y_weights, np.float64), tops, bounds.astype(np.int64)
    )


def assembly(rows: int, columns: int, reach: int) -> Assembly:
    """Return how the sums of all cells of a lattice make normal equations."""
    from scipy.sparse import csr_array

    cells = rows - reach + 1, columns - reach + 1
    count, (pairs, long, short, words) = rows * columns, words_of_cell(reach)
    pair_of = _pair_numbers(reach)
    n = np.arange(reach)
    c, a, d, b = (each.ravel() for each in np.meshgrid(n, n, n, n, indexing="ij"))
    one, two = c * columns + a, d * columns + b  # control points of a cell, from its first one on
    word = pair_of[c, d] * long + 3 * pair_of[a, b]
    first = (np.arange(cells[0])[:, None] * columns + np.arange(cells[1])).ravel()[:, None]
    base = words * np.arange(first.size)[:, None]
    sources, targets = [], []
    for part, (from_axis, to_axis) in ((0, (0, 0)), (1, (0, 1)), (1, (1, 0)), (2, (1, 1))):
        sources.append(base + word + part)
        targets.append((from_axis * count + first + one) * (2 * count) + to_axis * count + first + two)
    source, target = (np.concatenate([each.ravel() for each in parts]) for parts in (sources, targets))
    places, target = np.unique(target, return_inverse=True)
    c, a = (each.ravel() for each in np.meshgrid(n, n, indexing="ij"))
    for axis in range(2):
        for k in range(3):
            source = np.append(source, base + pairs * long + c * short + 6 * a + 3 * axis + k)
            target = np.append(target, len(places) + 3 * (axis * count + first + c * columns + a) + k)
    shape = len(places) + 6 * count, words * first.size
    return Assembly(csr_array((np.ones(len(source)), (target, source)), shape=shape), places, cells)


def _pair_numbers(reach: int) -> Array:
    """The number of each unordered pair, as kernels count them."""
    low, high = np.sort(np.indices((reach, reach)), axis=0)
    numbers: Array = high * (high + 1) // 2 + low
    return numbers
