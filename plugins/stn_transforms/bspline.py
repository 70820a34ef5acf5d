"""The free-form deformation by cubic B-splines (Rueckert et al. 1999)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform import LatticeTransform
from stn_transforms.axes import as_lattice

__all__ = ["BSpline"]

_DEGREE = 3


class BSpline(LatticeTransform):
    """Smooth local deformations: the free-form deformation by cubic B-splines on a lattice of control points.

    theta holds the displacements of the control points in normalized units: x of all control points row by row, then y
    (P = 2 rows columns). An output position p reads the input position

        p_in = p + sum over i, j in 0..3 of B_i(u) B_j(v) d[row + j, column + i]

    where B are the cubic B-splines, (column, row) is the cell of the lattice that contains p, and (u, v) the place in it. So
    each control point moves only the part of the image within two cells of it, and the map has continuous second derivatives.
    It costs the same for each pixel, however many control points there are.

    The cells cover [-1, 1] exactly: `columns` control points make columns - 3 cells. Control point k of an axis lies at
    -1 + 2 (k - 1) / (columns - 3); the first and the last one lie one cell outside the image.

    In volumes there are three sums, and theta has the displacements along z as well (P = 3 planes rows columns).

    Parameters
    ----------
    control_points : (int, int) or (int, int, int), optional
        (rows, columns) of the lattice, or (planes, rows, columns) for volumes, each at least 4, which makes one cell; 8 along
        each axis by default.
    ndim : int, optional
        Axes of the lattice: by default those of `control_points`, or 2.

    Raises
    ------
    TypeError
        If `control_points` are not two or three whole numbers.
    ValueError
        If one is less than 4, or `ndim` is not their number.

    References
    ----------
    Rueckert et al., "Nonrigid registration using free-form deformations: application to breast MR images", IEEE Transactions
    on Medical Imaging 18(8), 1999, equation 3.

    Examples
    --------
    If all control points move alike, so does the image:

    >>> spline = BSpline(control_points=(5, 6))
    >>> spline.n_params
    60
    >>> theta = np.repeat([[0.5, -0.25]], 30, axis=1)
    >>> spline.apply(theta, [[0.0, 0.0], [1.0, 1.0]]).round(9).tolist()
    [[[0.5, -0.25], [1.5, 0.75]]]
    """

    def __init__(self, control_points: tuple[int, ...] | None = None, ndim: int | None = None) -> None:
        self.lattice = as_lattice(control_points, "control_points", 8, ndim)
        if min(self.lattice) <= _DEGREE:
            least = "4 rows and 4 columns" if self.ndim == 2 else "4 planes, 4 rows and 4 columns"
            raise ValueError(f"control_points: expected at least {least}, got {self.lattice}")

    def _shown_options(self) -> dict[str, Any]:
        return {"control_points": self.lattice}

    @property
    def control_points(self) -> tuple[int, ...]:
        """(rows, columns), or (planes, rows, columns)."""
        return self.lattice

    def axis_weights(self, x: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the first of four control points (M,), and the cubic B-splines (M, 4)."""
        cells = count - _DEGREE
        position = (x + 1) / 2 * cells
        cell = np.minimum(np.floor(position), cells - 1)
        u = position - cell
        v = 1 - u
        weights = np.stack([v**3, 4 - 3 * u * u * (1 + v), 4 - 3 * v * v * (1 + u), u**3], axis=1) / 6
        return cell.astype(np.intp), weights
