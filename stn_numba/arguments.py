"""Numbers, truths and paths from whatever callers hand in; the argument is named in every error. For arrays: `arrays`."""

from __future__ import annotations

import math
import numbers
import operator
import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["as_bool", "as_int", "as_path", "as_real"]


def as_bool(value: Any, name: str) -> bool:
    """Return True or False.

    Examples
    --------
    >>> as_bool(np.True_, "align_corners")
    True
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {value!r:.60}")
    return bool(value)


def as_int(value: Any, name: str) -> int:
    """Return a whole number as an int.

    Examples
    --------
    >>> as_int(np.int8(3), "max_bytes")
    3
    """
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, got {value!r:.60}") from None


def as_real(value: Any, name: str, within: str = "(-inf, inf)") -> float:
    """Return a number as a float, if it lies in an interval, written as in mathematics.

    Examples
    --------
    >>> as_real(np.float32(0.5), "momentum", "[0, 1)")
    0.5
    >>> as_real(1, "momentum", "[0, 1)")
    Traceback (most recent call last):
    ValueError: momentum: expected a number in [0, 1), got 1
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number in {within}, got {value!r:.60}")
    low, high = map(float, within[1:-1].split(","))
    try:
        number = float(value)
    except OverflowError:  # of a whole number beyond all floats
        number = math.inf
    above = number >= low if within[0] == "[" else number > low
    below = number <= high if within[-1] == "]" else number < high
    if not (above and below):
        raise ValueError(f"{name}: expected a number in {within}, got {value!r:.60}")
    return number


def as_path(value: Any, name: str) -> Path:
    """Return a path.

    Examples
    --------
    >>> as_path(3, "path")
    Traceback (most recent call last):
    TypeError: path: expected a path, got int
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name}: expected a path, got {type(value).__name__}")
    path = Path(value)
    if "\0" in str(path):
        raise ValueError(f"{name}: expected a path, got a text with a null character")
    return path
