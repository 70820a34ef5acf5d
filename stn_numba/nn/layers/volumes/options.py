"""Options along three axes, and checks of inputs, that layers for volumes share."""

from __future__ import annotations

from typing import Any

import numpy as np

from stn_numba._util.arguments import as_int

__all__ = ["Triple", "as_simple", "as_triple", "expect_volumes"]

Triple = tuple[int, int, int]


def as_triple(value: Any, name: str, *, least: int) -> Triple:
    """Return a whole number for planes, rows and columns, or one for each, as a triple."""
    if not isinstance(value, tuple | list):
        number = as_int(value, name, least=least)
        return number, number, number
    if len(value) != 3:
        raise ValueError(f"{name}: expected a whole number or (planes, rows, columns), got {value!r:.60}")
    planes, rows, columns = (as_int(each, name, least=least) for each in value)
    return planes, rows, columns


def as_simple(triple: Triple) -> int | Triple:
    """Return one number for a triple of equal ones: an option as it is shown and saved."""
    return triple[0] if len(set(triple)) == 1 else triple


def expect_volumes(owner: object, x: Any, channels: int | str = "C") -> None:
    """Reject inputs that are not volumes with this number of channels; a letter means any number."""
    fits = isinstance(x, np.ndarray) and x.ndim == 5 and x.dtype.kind == "f" and min(x.shape[1:4]) > 0
    if not fits or (isinstance(channels, int) and x.shape[4] != channels):
        got = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise ValueError(f"{type(owner).__name__}: expected floats (N, D, H, W, {channels}), got {got}")
