"""Validate scalar arguments and paths. Every error names the argument. For arrays, see `arrays`."""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stn_numba._util.suggestions import did_you_mean

__all__ = ["as_bool", "as_int", "as_option", "as_path", "as_real", "as_size", "as_sizes"]


def as_bool(value: Any, name: str) -> bool:
    """Return a Python or NumPy bool as a bool.

    Examples
    --------
    >>> as_bool(np.True_, "align_corners")
    True
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {value!r:.60}")
    return bool(value)


def as_int(value: Any, name: str, *, least: int | None = None) -> int:
    """Return a Python or NumPy integer as an int, at least `least`.

    Examples
    --------
    >>> as_int(np.int8(3), "max_bytes")
    3
    >>> as_int(0, "epochs", least=1)
    Traceback (most recent call last):
    ValueError: epochs: expected at least 1, got 0
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected a whole number, got {value!r:.60}")
    if least is not None and number < least:
        raise ValueError(f"{name}: expected at least {least}, got {value!r:.60}")
    return number


def as_size(value: Any, name: str) -> tuple[int, int]:
    """Return a pair of integers (h, w) as a tuple, both at least 1.

    Examples
    --------
    >>> as_size([28, 28], "shape")
    (28, 28)
    """
    h, w = as_sizes(value, name, ("h", "w"))
    return h, w


def as_sizes(value: Any, name: str, axes: Sequence[str]) -> tuple[int, ...]:
    """Return a sequence of integers, one for each axis and all at least 1, as a tuple.

    Examples
    --------
    >>> as_sizes([28, 28], "shape", ("d", "h", "w"))
    Traceback (most recent call last):
    ValueError: shape: expected (d, h, w), got [28, 28]
    """
    if not isinstance(value, tuple | list) or len(value) != len(axes):
        raise ValueError(f"{name}: expected ({', '.join(axes)}), got {value!r:.60}")
    return tuple(as_int(size, name, least=1) for size in value)


def as_option(value: Any, name: str, options: Sequence[str]) -> str:
    """Return one of the options. The error for any other value suggests the closest option.

    Examples
    --------
    >>> as_option("NCHW", "layout", ("NHWC", "NCHW"))
    'NCHW'
    >>> as_option("accuracy", "best", ("loss", "error"))
    Traceback (most recent call last):
    ValueError: best: expected one of loss, error, got 'accuracy'
    >>> as_option("eror", "best", ("loss", "error"))
    Traceback (most recent call last):
    ValueError: best: expected one of loss, error, got 'eror'; did you mean 'error'?
    """
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name}: expected one of {', '.join(options)}, got {value!r:.60}{did_you_mean(value, name, options)}")
    return value


def as_real(value: Any, name: str, within: str = "(-inf, inf)") -> float:
    """Return a real number as a float, within an interval such as ``"[0, 1)"``.

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
    except OverflowError:  # an integer larger than any float
        number = math.inf
    above = number >= low if within[0] == "[" else number > low
    below = number <= high if within[-1] == "]" else number < high
    if not (above and below):
        raise ValueError(f"{name}: expected a number in {within}, got {value!r:.60}")
    return number


def as_path(value: Any, name: str) -> Path:
    """Return a str or an ``os.PathLike`` as a Path.

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
