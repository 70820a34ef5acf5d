"""What every transform does with points, whatever its author wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats
from stn_numba.transform import differences, inverse
from stn_numba.transform.fitting import nonlinear
from stn_numba.transform.fitting.api import fit
from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.parameters import as_theta
from stn_numba.transform.points import apply_each, as_points

__all__ = ["PointMethods"]


class PointMethods(ABC):
    """Methods of `stn_numba.transform.Transform` that follow from its `apply`."""

    n_params: int
    ndim: int

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
        return differences.by_position(lambda each: apply_each(self, theta, each), as_points(points, len(theta), self.ndim))[1]

    def apply_inverse(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map input positions to output positions: where a key point of the input appears in the output.

        It is exact where the transform has a formula for it, as a homography. Otherwise Newton's method solves
        ``apply(theta, result) = points``. If several output positions read the same input position, you get one of them, within
        the output if the search finds one there.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.
        points : array_like, (M, 2) or (N, M, 2)
            Normalized input positions (x, y): one set for all rows of `theta`, or one set for each.

        Returns
        -------
        ndarray, (N, M, 2)
            Normalized output positions; NaN for points that no output position reads, or for which none was found.

        Raises
        ------
        TypeError, ValueError
            If `theta` or `points` have another shape, or are not numbers.

        Examples
        --------
        >>> from stn_numba import get_transform
        >>> spline = get_transform("tps", control_points=(3, 3))
        >>> theta = spline.identity()[None] + 0.1 * np.sin(np.arange(18))
        >>> mapped = spline.apply(theta, [[0.2, -0.4]])
        >>> spline.apply_inverse(theta, mapped).round(9).tolist()
        [[[0.2, -0.4]]]
        """
        theta = as_theta(theta, self.n_params, self)
        return inverse.invert(self, theta, as_points(points, len(theta), self.ndim)).astype(theta.dtype)

    def inverse_boxes(self, theta: ArrayLike, boxes: ArrayLike) -> Floats:
        """Return where boxes of the input appear in the output: the smallest upright boxes around them.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.
        boxes : array_like, (K, 4) or (N, K, 4)
            Normalized input positions (x0, y0, x1, y1) of opposite corners, with x0 <= x1 and y0 <= y1: one set for all rows
            of `theta`, or one set for each.

        Returns
        -------
        ndarray, (N, K, 4)
            Normalized output positions (x0, y0, x1, y1), around those points of a box's outline that appear in the output; NaN
            if none does.

        Raises
        ------
        TypeError, ValueError
            If `theta` or `boxes` have another shape, or are not numbers, or the corners of a box are swapped.

        Examples
        --------
        A zoom into the middle doubles what is there:

        >>> from stn_numba import get_transform
        >>> get_transform("affine").inverse_boxes([[0.5, 0, 0, 0, 0.5, 0]], [[0.0, -0.25, 0.5, 0.25]]).tolist()
        [[[0.0, -0.5, 1.0, 0.5]]]
        """
        theta = as_theta(theta, self.n_params, self)
        given = inverse.as_boxes(boxes, len(theta))
        return inverse.hulls(self.apply_inverse(theta, inverse.box_outlines(given)), given.shape[-2])

    def fit_points(
        self, source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None, robust: bool = False
    ) -> NDArray[np.float64]:
        """Return the parameters that map points to given positions, by least squares.

        Linear and affine transforms are solved exactly, homographies by the normalized DLT and a refinement of the distances,
        all others by Levenberg-Marquardt steps from the identity. Distances are in normalized units.

        Parameters
        ----------
        source : array_like, (M, 2) or (N, M, 2)
            Normalized output positions (x, y).
        target : array_like, (M, 2) or (N, M, 2)
            Normalized input positions that they should be mapped to.
        weights : array_like, (M,) or (N, M), optional
            Weights of the squared distances, at least 0; by default all are 1.
        robust : bool, default False
            Whether up to about half of the points may be outliers. Fits to random samples then find the points that agree,
            and an M-estimator (Tukey's biweight) refines the fit. The result is the same in each call.

        Returns
        -------
        ndarray, (N, P), float64
            One row for each set; N = 1 for one set.

        Raises
        ------
        TypeError
            If an argument does not hold real numbers.
        ValueError
            If shapes do not fit, a position is not finite, or the points do not determine the parameters: there are too few,
            they coincide, they lie on one line, or they leave some parameter free. The message says which.

        Examples
        --------
        >>> from stn_numba import get_transform
        >>> corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
        >>> seen = [[-0.5, -1], [0.5, -1], [1, 1], [-1, 1]]
        >>> theta = get_transform("projective").fit_points(corners, seen)
        >>> get_transform("projective").apply(theta, corners).round(9).tolist() == [seen]
        True
        """
        return fit(self, source, target, weights, robust)

    # What the library asks of the base classes

    def solve_points(self, pairs: Pairs, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Least squares theta (N, P) of validated pairs, near `start` if there are several; NaN if none is found."""
        return nonlinear.search(self, pairs) if start is None else nonlinear.minimize(self, pairs, start)[0]

    def maps_point_sets(self) -> bool:
        """Whether `apply` also takes points (N, M, 2)."""
        return False

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P) of the mapped points with respect to theta; 0 where a point has no position."""
        slopes = differences.by_parameter(lambda theta: apply_each(self, theta, points.astype(np.float64)), theta)
        found = list(slopes)
        return np.stack(found, axis=-1) if found else np.zeros((len(theta), points.shape[-2], 2, 0))
