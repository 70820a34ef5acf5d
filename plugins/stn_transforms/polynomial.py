"""Polynomial maps."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import LinearTransform

__all__ = ["Polynomial"]


class Polynomial(LinearTransform):
    """Polynomials of any degree in x and y: smooth global deformations.

    theta holds the B = (degree + 1) (degree + 2) / 2 coefficients of x_in, then those of y_in (P = 2 B). They belong to
    products of Legendre polynomials, ordered by degree and then from x to y:

        1,  x, y,  L2(x), x y, L2(y),  L3(x), L2(x) y, x L2(y), L3(y),  ...

    with L2(x) = (3 x^2 - 1) / 2, L3(x) = (5 x^3 - 3 x) / 2 and so on, in normalized coordinates. Every polynomial of the degree
    is a sum of these, so the maps are those of monomials 1, x, y, x^2, x y, ..., and the order is that of scikit-image's
    ``PolynomialTransform``. But the products are orthogonal on the image and at most 1 there. So a coefficient is the largest
    displacement that its term contributes, the parameters hardly influence each other's gradients, and fits stay well
    conditioned at any degree: at degree 8 the condition number of the basis at the pixels is 8, that of monomials 600.

    The first three coefficients of each axis are those of an affine map. Outside [-1, 1] polynomials of high degree grow fast.

    Parameters
    ----------
    degree : int, default 2
        At least 1, which is an affine map.

    Raises
    ------
    TypeError
        If `degree` is not a whole number.
    ValueError
        If it is less than 1.

    Examples
    --------
    Bend the image: lines in x are lifted in the middle and lowered at both ends.

    >>> theta = Polynomial(degree=2).identity()
    >>> theta[6 + 3] = 0.2   # L2(x) in y_in
    >>> Polynomial(degree=2).apply(theta[None], [[-1, 0], [0, 0], [1, 0]]).round(9).tolist()
    [[[-1.0, 0.2], [0.0, -0.1], [1.0, 0.2]]]

    Convert a map that is given by monomials, here x_in = x + 0.1 y^2 and y_in = y:

    >>> points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    >>> mapped = points + np.stack([0.1 * points[:, 1] ** 2, np.zeros(20)], axis=1)
    >>> (Polynomial(degree=2).fit_points(points, mapped)[0, :6].round(6) + 0).tolist()
    [0.033333, 1.0, 0.0, 0.0, 0.0, 0.066667]
    """

    def __init__(self, degree: int = 2) -> None:
        self.degree = _degree(degree)

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """(degree + 1) (degree + 2)."""
        return (self.degree + 1) * (self.degree + 2)

    def identity(self) -> NDArray[np.float64]:
        """Return coefficients (P,) that are 1 for x in x_in, and for y in y_in."""
        theta = np.zeros((2, self.n_params // 2))
        theta[0, 1] = theta[1, 2] = 1
        return theta.ravel()

    def basis(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the products (M, B) of Legendre polynomials."""
        of_x, of_y = (legvander(each, self.degree) for each in points.T)
        return np.stack([of_x[:, i] * of_y[:, j] for i, j in self._orders()], axis=1)

    def interpolation_error(self, theta: Floats, sides: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a bound (N, 2) from the second derivatives, as `LinearTransform.interpolation_error`.

        In [-1, 1] a Legendre polynomial is at most 1, and its second derivative is largest at the end.
        """
        n = np.array(self._orders(), np.float64)  # (B, 2)
        steepest = (n - 1) * n * (n + 1) * (n + 2) / 8
        return np.asarray(np.abs(theta.reshape(len(theta), 2, -1)) @ (steepest @ (sides**2 / 8)), np.float64)

    def _orders(self) -> list[tuple[int, int]]:
        """Degrees in x and y of each basis function."""
        return [(total - of, of) for total in range(self.degree + 1) for of in range(total + 1)]


def _degree(value: Any) -> int:
    try:
        degree = operator.index(value)
    except TypeError:
        degree = None
    if degree is None or isinstance(value, bool):
        raise TypeError(f"degree: expected a whole number, got {value!r:.60}")
    if degree < 1:
        raise ValueError(f"degree: expected at least 1, got {degree}")
    return degree
