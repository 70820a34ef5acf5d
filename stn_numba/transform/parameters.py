"""Validate theta, and suggest the right call in errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arrays import as_array, holds_real_numbers
from stn_numba.grid import Floats, Grid, as_floats

__all__ = ["as_numbers", "as_theta", "shape_advice"]


def as_theta(theta: Any, count: int, transform: Any) -> Floats:
    """Return theta (N, P) as float32 or float64.

    Parameters
    ----------
    theta : array_like, (N, P)
        Argument of the caller.
    count : int
        P, the number of parameters of the transform.
    transform : Transform
        Its identity shows how its parameters are ordered, which is needed only for the advice in errors.

    Raises
    ------
    TypeError
        If theta does not hold real numbers; the error says so if it is a grid.
    ValueError
        If it has another shape. If the same numbers can be reshaped, the message says how.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> as_theta(np.zeros((5, 2, 3)), 6, get_transform("affine"))
    Traceback (most recent call last):
    ValueError: theta: expected (N, 6), got (5, 2, 3); take theta.reshape(5, 6)
    """
    given = as_numbers(theta, count)
    if given.ndim != 2 or given.shape[1] != count:
        raise ValueError(f"theta: expected (N, {count}), got {given.shape}{shape_advice(theta, given, count, transform)}")
    return as_floats(given, "theta", ("N", count))


def as_numbers(theta: Any, count: int) -> NDArray[Any]:
    """Return theta as an array of numbers; the error says so if it is a grid, or a transform's ``(grid, backprop)``."""
    if type(theta) is np.ndarray and theta.dtype.kind in "fiu":
        return theta
    parts = theta if isinstance(theta, tuple | list) else (theta,)
    grid = next((part for part in parts if isinstance(part, Grid)), None)
    if grid is not None:
        kind = type(grid).__name__
        got = f"a {kind}" if grid is theta else f"a {type(theta).__name__} with a {kind}, as `forward` returns it"
        raise TypeError(f"theta: expected (N, {count}) parameters, got {got}; a grid goes to `sample(image, grid)`")
    given = as_array(theta, "theta")
    if not holds_real_numbers(given):
        raise TypeError(f"theta: expected numbers, got dtype {given.dtype}")
    return given


def shape_advice(theta: Any, given: NDArray[Any], count: int, transform: Any) -> str:
    """How to pass theta instead, if there is one right way; else an empty text."""
    shape = given.shape
    if shape == (count,):
        return "; one row is theta[None]" if theta is given else "; put it into a list: [theta]"
    if given.ndim == 4 and shape[-1] == 2:
        return "; positions (N, h, w, 2) go to `sample(image, grid)`"
    identity = _identity(transform, count)
    if shape[-1:] == (9,) and len(shape) < 3 and _is_eye(np.append(identity, 1), 3, 3):
        return "; divide each row by its last number and drop that number"
    methods = _reshaping(given, count, identity, transform.is_linear()) if given.ndim > 1 else ""
    if methods:
        return f"; take {'theta' if theta is given else 'np.asarray(theta)'}{methods}"
    return _other_transform(given, identity)


def _reshaping(given: NDArray[Any], count: int, identity: NDArray[Any], linear: bool) -> str:
    """NumPy methods that convert an array of another shape to (N, P); `identity` (P,) shows what the numbers mean."""
    shape = given.shape
    *lead, rows, columns = (1, *shape)
    n = math.prod(lead)
    if rows * columns == count and (_is_eye(identity, rows, columns) or (linear and rows == 2)):
        return f".reshape({n}, {count})"
    if linear and columns == 2 and rows * columns == count:
        return f".swapaxes(-1, -2).reshape({n}, {count})"
    if (rows, columns) == (3, 3) and _is_eye(np.append(identity, 1), 3, 3):
        return f".reshape({n}, 9), divide each row by its last number and drop that number"
    if _holds_affine(given) and _is_eye(identity, 2, 3):
        return f"[..., :2, :].reshape({n}, 6)"
    if count > 1 and tuple(length for length in shape if length != 1) in {(count,), (math.prod(shape) // count, count)}:
        return f".reshape({math.prod(shape) // count}, {count})"
    if len(shape) == 2 and rows == count != columns:
        return ".T"
    return ""


def _other_transform(given: NDArray[Any], identity: NDArray[Any]) -> str:
    """Name the built-in matrix transform that has this number of parameters."""
    flat = given.ndim < 3
    if _is_eye(identity, 2, 3) and (given.shape[-2:] == (3, 3) or (flat and given.shape[-1:] in ((8,), (9,)))):
        return '; homographies take transform="projective", with 8 parameters'
    if _is_eye(np.append(identity, 1), 3, 3) and flat and given.shape[-1:] == (6,):
        return '; affine maps take transform="affine", with 6 parameters'
    return ""


def _holds_affine(given: NDArray[Any]) -> bool:
    """Whether these are matrices (..., 3, 3) whose last row is (0, 0, 1)."""
    return given.shape[-2:] == (3, 3) and bool((given[..., 2, :] == (0, 0, 1)).all())


def _is_eye(identity: NDArray[Any], rows: int, columns: int) -> bool:
    return np.array_equal(identity, np.eye(rows, columns).ravel())


def _identity(transform: Any, count: int) -> NDArray[Any]:
    """Parameters (P,) of the identity; NaN if the transform raises an error."""
    try:
        return np.asarray(transform.identity(), np.float64)
    except Exception:  # a plugin may raise anything: there will be no advice
        return np.full(count, np.nan)
