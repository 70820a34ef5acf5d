"""Interpolation kernels as data: piecewise polynomials."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array
from stn_numba._util.representation import call_repr

__all__ = ["PiecewisePolynomial"]

Array = NDArray[np.float64]

_MAX_TAPS = 16  # along an axis
_ROUNDING = 1e-15  # of terms that cancel, relative to the largest coefficient


class PiecewisePolynomial:
    """A kernel k(d) defined by polynomials, in the convention of `scipy.interpolate.PPoly`; it is 0 outside the breakpoints.

    A pixel at distance d = position - pixel, in pixels, has the weight k(d). In two dimensions the weight is k(dx) k(dy).

    Parameters
    ----------
    breakpoints : array_like, (S + 1,)
        Increasing distances in pixels.
    coefficients : array_like, (degree + 1, S)
        Piece s is the sum over m of coefficients[m, s] * (d - breakpoints[s]) ** (degree - m).

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If breakpoints do not increase, shapes do not fit, a number is not finite, or the kernel covers over 16 pixels.

    Examples
    --------
    The tent of bilinear interpolation:

    >>> tent = PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])
    >>> tent([-0.25, 0.0, 0.5, 2.0]).tolist()
    [0.75, 1.0, 0.5, 0.0]
    """

    _made_by = ""  # the call that makes a built-in kernel, for its repr

    def __init__(self, breakpoints: ArrayLike, coefficients: ArrayLike) -> None:
        self.breakpoints = _numbers(breakpoints, "breakpoints")
        self.coefficients = _numbers(coefficients, "coefficients")
        self._check()
        for array in (self.breakpoints, self.coefficients):
            array.flags.writeable = False  # the tables made from them are cached

    def _check(self) -> None:
        breakpoints, coefficients = self.breakpoints, self.coefficients
        if breakpoints.ndim != 1 or len(breakpoints) < 2 or not np.isfinite(breakpoints).all():
            raise ValueError(f"breakpoints: expected (S + 1,) finite numbers, got shape {breakpoints.shape}")
        if (np.diff(breakpoints) <= 0).any():
            raise ValueError(f"breakpoints: expected increasing numbers, got {breakpoints.tolist()}")
        if coefficients.ndim != 2 or coefficients.shape[1] != len(breakpoints) - 1 or not len(coefficients):
            raise ValueError(f"coefficients: expected (degree + 1, {len(breakpoints) - 1}), got {coefficients.shape}")
        if not np.isfinite(coefficients).all():
            raise ValueError("coefficients: expected finite numbers")
        if self.taps > _MAX_TAPS:
            raise ValueError(f"breakpoints: expected a kernel over at most {_MAX_TAPS} pixels, got {self.taps}")

    def __repr__(self) -> str:
        if self._made_by:
            return self._made_by
        return call_repr(self, {"breakpoints": self.breakpoints, "coefficients": self.coefficients})

    @property
    def taps(self) -> int:
        """K: how many pixels along an axis a position reads; even."""
        return 2 * int(np.ceil(max(-self.breakpoints[0], self.breakpoints[-1])))

    def __call__(self, distances: ArrayLike) -> Array:
        """Weights at the given distances, an array of their shape."""
        d = _numbers(distances, "distances")
        piece = np.searchsorted(self.breakpoints, d, side="right") - 1
        inside = (piece >= 0) & (piece < len(self.breakpoints) - 1)
        piece = np.where(inside, piece, 0)
        local, value = d - self.breakpoints[piece], np.zeros(d.shape)
        for row in self.coefficients:
            value = value * local + row[piece]
        return np.where(inside, value, 0.0)

    def derivative(self) -> PiecewisePolynomial:
        """The derivative k', as a kernel."""
        degree = len(self.coefficients) - 1
        slopes = self.coefficients[:-1] * np.arange(degree, 0, -1)[:, None] if degree else np.zeros_like(self.coefficients)
        result = PiecewisePolynomial(self.breakpoints, slopes)
        result._made_by = self._made_by and f"{self._made_by}.derivative()"
        return result

    def table(self) -> Array:
        """(pieces, 1 + K, degree + 1): the weight of each tap as a polynomial in the fractional part of the position.

        Row 0 of a piece starts with the fraction at which the piece begins; row 1 + k belongs to the tap k pixels after the
        first one, which is the pixel at floor(position) - (K / 2 - 1).
        """
        fractions = np.unique(np.append(np.mod(self.breakpoints, 1.0), 0.0))
        K, terms = self.taps, len(self.coefficients)
        table = np.zeros((len(fractions), 1 + K, terms))
        table[:, 0, 0] = fractions
        ends = np.append(fractions[1:], 1.0)
        for s, (start, end) in enumerate(zip(fractions, ends, strict=True)):
            for k in range(K):
                table[s, 1 + k] = self._shifted((start + end) / 2, K // 2 - 1 - k)
        # A pixel with weight zero is ignored, even if it is NaN; one with weight 1e-17 is not.
        table[np.abs(table) < _ROUNDING * np.abs(table).max()] = 0
        return table

    def _shifted(self, middle: float, shift: int) -> Array:
        """Coefficients in t of k(t + shift), for the piece that t = middle lies in."""
        piece = int(np.searchsorted(self.breakpoints, middle + shift, side="right")) - 1
        result = np.zeros(len(self.coefficients))
        if 0 <= piece < len(self.breakpoints) - 1:
            local = np.poly1d([1.0, shift - self.breakpoints[piece]])
            polynomial = np.poly1d(self.coefficients[:, piece])(local)
            found = np.atleast_1d(polynomial.coeffs)
            result[len(result) - len(found) :] = found
        return result


def _numbers(values: ArrayLike, name: str) -> Array:
    """A copy in float64."""
    result = as_array(values, name)
    if result.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    return np.array(result, np.float64)
