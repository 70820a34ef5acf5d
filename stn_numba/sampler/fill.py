"""Validate `fill`: the dtype of the image must be able to hold it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array

__all__ = ["as_fill", "fill_parts"]

Array = NDArray[Any]


def as_fill(fill: ArrayLike | None, dtype: np.dtype[Any]) -> Array | None:
    """Return `fill` as an array after checking that an image of this dtype can hold it.

    Parameters
    ----------
    fill : array_like or None
        A number or one per channel. Integer images round it half to even, like every output; bool images accept True, False,
        0 and 1; only complex images accept complex numbers.
    dtype : dtype
        Of the image, in any byte order.

    Returns
    -------
    ndarray or None

    Raises
    ------
    TypeError
        If `fill` is not a number, or complex although the image is not.
    ValueError
        If the dtype cannot hold a number: NaN, infinity or a number out of range for integers, a finite number that would
        become infinite for floats.

    Examples
    --------
    >>> as_fill(254.5, np.dtype("uint8"))
    array(254.5)
    >>> as_fill([0, 0, 300], np.dtype("uint8"))
    Traceback (most recent call last):
    ValueError: fill: expected numbers that uint8 can hold, 0 to 255, got 300 for channel 2
    """
    if fill is None:
        return None
    if dtype.kind not in "biufc":
        return _as_other(fill, dtype)
    values = _as_numbers(fill, dtype)
    if dtype.kind in "iu":
        _check_integers(values, dtype)
    elif dtype.kind == "b":
        _reject(~np.isin(values, (0, 1)), values, "a bool image can hold, True or False")
        return values.astype(bool)
    else:
        _check_floats(values, dtype)
    return values


def fill_parts(fill: Array | None, dtype: np.dtype[Any]) -> list[Array | None]:
    """Return a validated fill for each part of an image that is sampled separately: real and imaginary part, or the whole.

    Examples
    --------
    >>> fill_parts(np.array(1 + 2j), np.dtype("complex64"))
    [array(1.), array(2.)]
    """
    if dtype.kind != "c":
        return [fill]
    return [None, None] if fill is None else [fill.real, fill.imag]


def _as_other(fill: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """`fill` for an image that does not hold numbers, if conversion to that dtype and back does not change it."""
    given = as_array(fill, "fill")
    try:
        if dtype.kind == "M" and given.dtype.kind in "US":
            given = given.astype("M8")  # a date as text, in its own unit
        held = given.astype(dtype)
        unchanged = bool((held.astype(given.dtype) == given).all()) and not _exceeds_int64(given)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"fill: expected what an image of {dtype} can hold, got {fill!r:.60}") from error
    if not unchanged:
        raise ValueError(f"fill: expected what an image of {dtype} can hold, got {fill!r:.60}")
    return held


def _exceeds_int64(values: Array) -> bool:
    """Whether integers are too large for dates and times."""
    return values.dtype.kind == "u" and bool((values > np.iinfo(np.int64).max).any())


def _as_numbers(fill: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """`fill` as an array of numbers."""
    values = as_array(fill, "fill")
    if values.dtype.kind == "O" and all(type(value) is int for value in values.flat):
        return _beyond_64_bits(values, dtype)
    if values.dtype.kind == "c" != dtype.kind:
        raise TypeError(f"fill: expected real numbers for an image of {dtype.newbyteorder('=')}, got {fill!r:.60}")
    if values.dtype.kind not in "biufc":
        raise TypeError(f"fill: expected numbers, got dtype {values.dtype}")
    return values


def _beyond_64_bits(values: Array, dtype: np.dtype[Any]) -> Array:
    """Integers beyond 64 bits as floats; no integer image can hold them."""
    if dtype.kind in "iu":
        _check_integers(values, dtype)
    try:
        return values.astype(np.float64)
    except OverflowError:
        raise ValueError(f"fill: expected numbers that {dtype.newbyteorder('=')} can hold, got one beyond all floats") from None


def _check_integers(values: Array, dtype: np.dtype[Any]) -> None:
    """Compare Python ints, which are exact at the limits of 64 bits too."""
    low, high = _limits(dtype)
    given = values.ravel().tolist()
    if not all(low <= value <= high for value in given):
        bad = [not (low - 1 < value < high + 1 and low <= round(value) <= high) for value in given]
        _reject(np.array(bad), values, f"{dtype.newbyteorder('=')} can hold, {low} to {high}")


def _check_floats(values: Array, dtype: np.dtype[Any]) -> None:
    """Reject only finite numbers that become infinite: infinity and NaN are floats."""
    low, high = _limits(dtype)
    if values.dtype.kind == "c" or not all(low <= value <= high for value in values.ravel().tolist()):
        with np.errstate(all="ignore"):
            held = values.astype(dtype)
        bad = np.isinf(held.real) & ~np.isinf(values.real) | np.isinf(held.imag) & ~np.isinf(values.imag)
        _reject(bad, values, f"{dtype.newbyteorder('=')} can hold, at most {high:.6g}")


@functools.lru_cache(32)
def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Smallest and largest finite number of a dtype as Python numbers; of the parts of a complex dtype."""
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    limits = np.finfo(dtype)
    return limits.min.item(), limits.max.item()


def _reject(bad: Any, values: Array, held: str) -> None:
    """Raise an error that names the first bad number, if there is one."""
    if bad.any():
        number = int(np.flatnonzero(bad)[0])
        channel = f" for channel {number}" if values.size > 1 else ""
        raise ValueError(f"fill: expected numbers that {held}, got {values.ravel().tolist()[number]!s:.40}{channel}")
