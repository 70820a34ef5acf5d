"""The flow: one displacement a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform import LatticeTransform
from stn_transforms.axes import as_lattice

__all__ = ["Flow"]


class Flow(LatticeTransform):
    """A displacement for each pixel of a field, as in optical flow and in networks that predict deformations.

    theta holds the displacements in normalized units: x of all pixels row by row, then y (P = 2 h w). For a field `flow`
    (N, h, w, 2) theta is ``np.moveaxis(flow, 3, 1).reshape(N, -1)``. A field of volumes (N, d, h, w, 3) has displacements along
    z as well: ``np.moveaxis(flow, 4, 1).reshape(N, -1)``. An output position p reads the input position p + d(p),
    where d is the field, interpolated bilinearly.

    The corner pixels of the field lie at -1 and +1. So with ``align_corners=True`` an output of the field's own size has one
    displacement a pixel; an output of another size, or with ``align_corners=False``, interpolates between them. A displacement
    of one pixel of the input is 2 / (W - 1) with ``align_corners=True``, and 2 / W with ``align_corners=False``.

    To warp with a field that is no parameter of a model, `stn_numba.sample` with ``displacement=True`` takes it as it is.

    Parameters
    ----------
    shape : (int, int) or (int, int, int), optional
        (h, w) of the field, or (d, h, w) for volumes, each at least 1; 28 along each axis by default. On an axis of one pixel
        the displacement is constant.
    ndim : int, optional
        Axes of the field: by default those of `shape`, or 2.

    Raises
    ------
    TypeError
        If `shape` is not two or three whole numbers.
    ValueError
        If one is less than 1, or `ndim` is not their number.

    Examples
    --------
    >>> flow = np.zeros((1, 2, 3, 2))
    >>> flow[0, :, 1] = (0.5, -0.5)   # the middle column
    >>> theta = np.moveaxis(flow, 3, 1).reshape(1, -1)
    >>> Flow(shape=(2, 3)).apply(theta, [[0.0, 0.0], [0.5, 1.0], [1.0, 1.0]]).tolist()
    [[[0.5, -0.5], [0.75, 0.75], [1.0, 1.0]]]
    """

    def __init__(self, shape: tuple[int, ...] | None = None, ndim: int | None = None) -> None:
        self.lattice = as_lattice(shape, "shape", 28, ndim)
        if min(self.lattice) < 1:
            least = "one row and one column" if self.ndim == 2 else "one plane, one row and one column"
            raise ValueError(f"shape: expected at least {least}, got {self.lattice}")

    def _shown_options(self) -> dict[str, Any]:
        return {"shape": self.lattice}

    @property
    def shape(self) -> tuple[int, ...]:
        """(h, w) of the field, or (d, h, w)."""
        return self.lattice

    def axis_weights(self, x: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the first of two pixels (M,), and their weights (M, 2); one pixel if there are not more."""
        if count == 1:
            return np.zeros(len(x), np.intp), np.ones((len(x), 1))
        position = (x + 1) / 2 * (count - 1)
        first = np.minimum(np.floor(position), count - 2)
        return first.astype(np.intp), np.stack([1 - (position - first), position - first], axis=1)
