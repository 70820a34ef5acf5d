"""What every transform does with points, whatever its author wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats
from stn_numba.transform import differences
from stn_numba.transform.parameters import as_theta
from stn_numba.transform.points import apply_each, as_points

__all__ = ["PointMethods"]


class PointMethods(ABC):
    """Methods of `stn_numba.transform.Transform` that follow from its `apply`."""

    n_params: int

    @abstractmethod
    def identity(self) -> NDArray[np.float64]:
        """See `Transform.identity`."""

    @abstractmethod
    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """See `Transform.apply`."""

    def points_jacobian(self, theta: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
        """Return the derivatives of the mapped points with respect to the points.

        By default they are taken by central differences.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.
        points : array_like, (M, 2) or (N, M, 2)
            Normalized output positions (x, y): one set for all rows of `theta`, or one set for each.

        Returns
        -------
        ndarray, (N, M, 2, 2), float64
            Row i, column j: d mapped_i / d point_j. NaN where a point has no position.

        Raises
        ------
        TypeError, ValueError
            If `theta` or `points` have another shape, or are not numbers.

        Examples
        --------
        >>> from stn_numba import get_transform
        >>> get_transform("affine").points_jacobian([[2, 0, 0, 0, 3, 0]], [[0.5, 0.5]]).tolist()
        [[[[2.0, 0.0], [0.0, 3.0]]]]
        """
        theta = as_theta(theta, self.n_params, self).astype(np.float64)
        return differences.by_position(lambda each: apply_each(self, theta, each), as_points(points, len(theta)))[1]

    # What the library asks of the base classes

    def maps_point_sets(self) -> bool:
        """Whether `apply` also takes points (N, M, 2)."""
        return False

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P) of the mapped points with respect to theta; 0 where a point has no position."""
        slopes = differences.by_parameter(lambda theta: apply_each(self, theta, points.astype(np.float64)), theta)
        found = list(slopes)
        return np.stack(found, axis=-1) if found else np.zeros((len(theta), points.shape[-2], 2, 0))
