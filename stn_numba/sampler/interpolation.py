"""Interpolation kernels: the weight of a pixel at a given distance from a position.

The names ``"linear"`` and ``"cubic"`` mean ``"bilinear"`` and ``"bicubic"``, for images and volumes alike.

There is code for ``"nearest"`` and ``"bilinear"``; every other kernel is data, a `PiecewisePolynomial`, whose derivative is
known exactly. To add a kernel, you only need its breakpoints and coefficients.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_real
from stn_numba._util.suggestions import did_you_mean
from stn_numba.kernels.constants import BILINEAR, NEAREST, POLYNOMIAL
from stn_numba.sampler.piecewise_polynomial import PiecewisePolynomial

__all__ = ["KERNELS", "PiecewisePolynomial", "bicubic", "cubic_b_spline", "lanczos3", "mitchell"]

Array = NDArray[np.float64]

_TOLERANCE = 1e-6  # of a sum of weights: users may write coefficients with few digits


def _unit_pieces(*pieces: ArrayLike) -> PiecewisePolynomial:
    """Make an even kernel from its pieces on [0, 1], [1, 2], ..., polynomials in the distance with the highest power first."""
    right = [np.poly1d(np.asarray(piece, np.float64)) for piece in pieces]
    left = [piece(np.poly1d([-1.0, 0.0])) for piece in reversed(right)]
    breakpoints = np.arange(-len(right), len(right) + 1.0)
    local = [piece(np.poly1d([1.0, start])) for piece, start in zip([*left, *right], breakpoints[:-1], strict=True)]
    terms = max(len(piece.coeffs) for piece in local)
    columns = [np.pad(piece.coeffs, (terms - len(piece.coeffs), 0)) for piece in local]
    return PiecewisePolynomial(breakpoints, np.stack(columns, axis=1))


def _named(kernel: PiecewisePolynomial, made_by: str) -> PiecewisePolynomial:
    """Set the repr of a kernel to the call that makes it."""
    kernel._made_by = made_by
    return kernel


P = ParamSpec("P")


def _cached(make: Callable[P, PiecewisePolynomial]) -> Callable[P, PiecewisePolynomial]:
    """Make each kernel once. The result is a plain function, unlike that of `functools.cache`, for help and signatures."""
    cached = functools.cache(make)

    @functools.wraps(make)
    def kernel(*args: P.args, **kwargs: P.kwargs) -> PiecewisePolynomial:
        return cached(*args, **kwargs)  # type: ignore[arg-type]  # floats are hashable

    return kernel


@_cached
def bicubic(a: float = -0.75) -> PiecewisePolynomial:
    """Keys' cubic convolution kernel.

    Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29 (1981), equation 4.

    Parameters
    ----------
    a : float, default -0.75
        Slope at distance 1. -0.75 is the choice of torch and OpenCV; -0.5 reproduces quadratic functions.

    Returns
    -------
    PiecewisePolynomial

    Examples
    --------
    >>> bicubic()([0.0, 0.5, 1.0]).tolist()
    [1.0, 0.59375, 0.0]
    """
    a = as_real(a, "a")
    return _named(_unit_pieces([a + 2, -(a + 3), 0, 1], [a, -5 * a, 8 * a, -4 * a]), f"bicubic({a:g})")


@_cached
def mitchell(b: float = 1 / 3, c: float = 1 / 3) -> PiecewisePolynomial:
    """The cubic kernels of Mitchell and Netravali (SIGGRAPH 1988, equation 8).

    Parameters
    ----------
    b, c : float, default 1/3
        The default blurs a little and rings little; b = 1 and c = 0 is the cubic B-spline.

    Returns
    -------
    PiecewisePolynomial

    Examples
    --------
    >>> mitchell()([0.0, 1.0]).round(6).tolist()
    [0.888889, 0.055556]
    """
    b, c = as_real(b, "b"), as_real(c, "c")
    inner = np.array([12 - 9 * b - 6 * c, -18 + 12 * b + 6 * c, 0, 6 - 2 * b]) / 6
    outer = np.array([-b - 6 * c, 6 * b + 30 * c, -12 * b - 48 * c, 8 * b + 24 * c]) / 6
    return _named(_unit_pieces(inner, outer), f"mitchell({b:.4g}, {c:.4g})")


@_cached
def cubic_b_spline() -> PiecewisePolynomial:
    """The cubic B-spline, which smooths; to interpolate, apply `scipy.ndimage.spline_filter` to the image first.

    Returns
    -------
    PiecewisePolynomial

    Examples
    --------
    >>> cubic_b_spline()([0.0, 1.0]).round(6).tolist()
    [0.666667, 0.166667]
    """
    return _named(PiecewisePolynomial(mitchell(1.0, 0.0).breakpoints, mitchell(1.0, 0.0).coefficients), "cubic_b_spline()")


@_cached
def lanczos3() -> PiecewisePolynomial:
    """Lanczos' windowed sinc over six pixels, normalized to sum to 1, approximated by polynomials within 1e-6.

    At whole pixels the polynomials are exact, so the kernel interpolates the pixels and has no jumps.

    Returns
    -------
    PiecewisePolynomial

    Examples
    --------
    >>> lanczos3()([0.0, 1.0, 2.0]).tolist()
    [1.0, 0.0, 0.0]
    """
    degree, K = 9, 6
    t = (1 - np.cos(np.pi * (np.arange(40) + 0.5) / 40)) / 2
    distances = t[:, None] + (K // 2 - 1 - np.arange(K))
    weights = np.sinc(distances) * np.sinc(distances / 3)
    straight = np.zeros((2, K))  # lines from the weights at t = 0 to those at t = 1: 1 for the pixel there, 0 for the others
    straight[:, K // 2 - 1], straight[:, K // 2] = (-1, 1), (1, 0)
    rest = weights / weights.sum(axis=1, keepdims=True) - np.stack([np.polyval(line, t) for line in straight.T], axis=1)
    fitted = np.polyfit(t, rest / (t * (1 - t))[:, None], degree - 2, w=t * (1 - t))
    fitted -= fitted.mean(axis=1, keepdims=True)
    pieces = [np.polyadd(np.polymul([-1, 1, 0], column), line) for column, line in zip(fitted.T, straight.T, strict=True)]
    return _named(PiecewisePolynomial(np.arange(-3.0, 4.0), np.stack(pieces, axis=1)[:, ::-1]), "lanczos3()")


KERNELS = {"bicubic": bicubic, "lanczos3": lanczos3, "cubic_b_spline": cubic_b_spline, "mitchell": mitchell}

_NO_TABLE: Array = np.empty((0, 0, 0))


@functools.lru_cache(32)
def _tables(kernel: PiecewisePolynomial) -> tuple[Array, Array]:
    return kernel.table(), kernel.derivative().table()


def kernel_rule(kernel: Any) -> tuple[int, int, Array, Array, bool]:
    """(family, K, table, slope_table, even) of a kernel by name or as data, see `kernels.sampling.workspace.Sampler`."""
    if isinstance(kernel, PiecewisePolynomial):
        return POLYNOMIAL, kernel.taps, *_tables(kernel), _is_even(kernel)
    if not isinstance(kernel, str):
        raise TypeError(f"kernel: expected a name or a PiecewisePolynomial, got {type(kernel).__name__}{_suggestion(kernel)}")
    if kernel == "nearest":
        return NEAREST, 1, _NO_TABLE, _NO_TABLE, True
    if kernel in ("bilinear", "linear"):
        return BILINEAR, 2, _NO_TABLE, _NO_TABLE, True
    if kernel in KERNELS or kernel == "cubic":
        return kernel_rule(bicubic() if kernel == "cubic" else KERNELS[kernel]())
    raise ValueError(
        f"kernel: expected one of {', '.join(_names())}, or a PiecewisePolynomial, got {kernel!r:.60}{_suggestion(kernel)}"
    )


def _names() -> list[str]:
    return ["nearest", "bilinear", "linear", "cubic", *KERNELS]


def _suggestion(kernel: Any) -> str:
    """Suggest a kernel for an argument that is not one."""
    uncalled = next((name for name, maker in KERNELS.items() if kernel is maker), None)
    return f"; did you mean {uncalled!r}, or {uncalled}()?" if uncalled else did_you_mean(kernel, "kernel", _names())


def is_nearest(kernel: Any) -> bool:
    """Whether a kernel copies pixels instead of blending them."""
    return isinstance(kernel, str) and kernel == "nearest"


@functools.lru_cache(32)
def sums_to_one(kernel: str | PiecewisePolynomial) -> bool:
    """Whether the weights sum to 1 at every position, up to rounding of coefficients; those of built-in kernels do."""
    if isinstance(kernel, str):
        return True
    sums = _tables(kernel)[0][:, 1:].sum(axis=1)  # one polynomial per piece
    sums[:, -1] -= 1
    return bool(np.abs(sums).max() <= _TOLERANCE)


@functools.lru_cache(32)
def _is_even(kernel: PiecewisePolynomial) -> bool:
    """Whether k(-d) = k(d) up to rounding, tested at more points per piece than its degree."""
    ends = kernel.breakpoints
    places = np.concatenate([np.linspace(a, b, len(kernel.coefficients) + 3)[1:-1] for a, b in itertools.pairwise(ends)])
    values = kernel(places)
    return bool(np.allclose(values, kernel(-places), rtol=0, atol=1e-12 * max(1.0, float(np.abs(values).max()))))
