"""Check class labels, hard and soft, and suggest how to convert labels of another form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array

__all__ = ["expect_classes", "expect_labels"]

_SUM_TOLERANCE = 1e-3  # of the probabilities of an image


def expect_classes(y: ArrayLike, count: int, n_classes: int, *, name: str = "y") -> NDArray[Any]:
    """Return `count` labels (N,), or class probabilities (N, n_classes), which one-hot rows are as well, as an array.

    Examples
    --------
    >>> expect_classes([[0.25, 0.75]], 1, 2)
    array([[0.25, 0.75]])
    """
    array = as_array(y, name)
    if array.shape == (count, n_classes) and array.dtype.kind in "fiub" and _are_probabilities(array):
        return array.astype(np.float64, copy=False)
    return expect_labels(array, count, n_classes, name=name)


def expect_labels(y: ArrayLike, count: int, n_classes: int, *, name: str = "y") -> NDArray[Any]:
    """Return `count` labels (N,), integers from 0 to n_classes - 1, as an array.

    The error for labels of another form says how to convert them, if the conversion is certain and no guess.

    Examples
    --------
    >>> expect_labels([1.0, 0.0], 2, 3)
    Traceback (most recent call last):
    ValueError: y: expected (2,) whole numbers, got float64 (2,); pass `y.astype(int)`
    """
    y = as_array(y, name)
    if y.shape != (count,) or y.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected ({count},) whole numbers, got {y.dtype} {y.shape}{_advice(y, count, n_classes)}")
    if count and not 0 <= y.min() <= y.max() < n_classes:
        raise ValueError(
            f"{name}: expected labels 0 to {n_classes - 1}, got {y.min()} to {y.max()}{_renumbering(y, n_classes, 'y')}"
        )
    return y


def _advice(y: NDArray[Any], count: int, n_classes: int) -> str:
    """Say what labels of the wrong shape or dtype are, and how to convert them if that is certain."""
    if not count or len(y.shape) not in (1, 2) or len(y) != count:
        return ""
    if y.ndim == 2 and y.shape[1] != 1:
        return _of_rows(y, n_classes)
    flat = y.reshape(-1)
    numbers = _whole_numbers(flat)
    expression = "y" if y.ndim == 1 else "y[:, 0]"
    if numbers is not None:
        expression += "" if y.dtype.kind in "iu" else ".astype(int)"
        if 0 <= numbers.min() <= numbers.max() < n_classes:
            return f"; pass `{expression}`"
        return _renumbering(numbers, n_classes, expression)
    if y.dtype.kind == "f":
        return "; a Classifier is trained on classes: a Regressor is trained on measurements"
    return _of_names(flat, n_classes, expression)


def _of_rows(y: NDArray[Any], n_classes: int) -> str:
    """Say what several numbers per image are."""
    if y.dtype.kind not in "biuf" or not np.isfinite(y).all():
        return "; expected one label an image"
    if np.isin(y, (0, 1)).all():
        if (y.sum(axis=1) == 1).all():
            return f"; these are one-hot rows of {y.shape[1]} classes, and the model has {n_classes}"
        if y.shape[1] == n_classes:
            return "; several classes an image need Classifier(..., multi_label=True)"
    if y.dtype.kind == "f" and y.shape[1] == n_classes and (y >= 0).all():
        return "; soft labels are probabilities: expected rows whose sum is 1"
    return "; expected one label an image"


def _are_probabilities(y: NDArray[Any]) -> bool:
    return bool(np.isfinite(y).all() and (y >= 0).all() and np.allclose(y.sum(axis=1), 1, atol=_SUM_TOLERANCE))


def _of_names(y: NDArray[Any], n_classes: int, expression: str) -> str:
    """Say how to number classes that are given by name."""
    names = _distinct(y) if y.dtype.kind in "USO" else None
    if names is None:
        return ""
    if len(names) == n_classes:
        return f"; `names, y = numpy.unique({expression}, return_inverse=True)` numbers classes given by name"
    if len(names) < n_classes:
        return f"; `numpy.searchsorted(names, {expression})` numbers them, with the sorted names of all {n_classes} classes"
    return f"; these are {len(names)} different names, and the model has {n_classes} classes"


def _renumbering(y: NDArray[Any], n_classes: int, expression: str) -> str:
    """Say how to renumber labels that count from 1, or are codes for all classes, as -1 and 1; a few odd ones are no codes."""
    numbers = np.unique(y)
    if (numbers[0], numbers[-1]) == (1, n_classes):
        return f"; labels start at 0: pass `{expression} - 1`"
    if len(numbers) == n_classes and 2 * np.sum((numbers >= 0) & (numbers < n_classes)) <= n_classes:
        return f"; `numbers, y = numpy.unique({expression}, return_inverse=True)` numbers these classes from 0"
    return ""


def _whole_numbers(y: NDArray[Any]) -> NDArray[Any] | None:
    """Return labels as integers, if they are whole numbers in another dtype: True, 3.0, "3"."""
    if y.dtype.kind in "OUS":
        try:
            numbers = y.astype(int)
            return numbers if (numbers.astype(y.dtype) == y).all() else None
        except (TypeError, ValueError, OverflowError):
            return None
    if y.dtype.kind not in "biuf":
        return None
    with np.errstate(invalid="ignore"):
        whole = y.astype(np.int64)
    return whole if bool((whole == y).all()) else None


def _distinct(y: NDArray[Any]) -> NDArray[Any] | None:
    try:
        return np.unique(y)
    except TypeError:  # names and None
        return None
