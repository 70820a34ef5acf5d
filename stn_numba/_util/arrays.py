"""Convert array-likes to arrays; reject masked values. Every error names the argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SymbolicArray", "as_array", "holds_real_numbers"]


class SymbolicArray(np.ndarray[Any, np.dtype[Any]]):
    """An array of symbols in the place of numbers, to find out what a function computes; see `stn_numba.onnx.tracing`.

    Checks of arrays let it through as one of floats.
    """


def as_array(value: Any, name: str) -> NDArray[Any]:
    """Convert an array-like to a plain NumPy array, without a copy if it is one already.

    Accepts lists, ndarray subclasses, and objects with ``__array__`` or ``__dlpack__``, such as CPU tensors of other libraries.

    Raises
    ------
    ValueError
        If it is a masked array with masked values.
    TypeError
        If it cannot be converted.

    Examples
    --------
    >>> as_array([1, 2], "image").shape
    (2,)
    >>> as_array(np.ma.masked_equal([1, 2], 2), "image")
    Traceback (most recent call last):
    ValueError: image: 1 of 2 values are masked; fill them first, with .filled(value)
    """
    if type(value) is np.ndarray or isinstance(value, SymbolicArray):
        return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        count = int(np.ma.getmaskarray(value).sum())
        raise ValueError(f"{name}: {count} of {value.size} values are masked; fill them first, with .filled(value)")
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except MemoryError:
        raise
    except Exception as error:  # foreign objects raise anything: a tensor that requires grad, lists of unequal lengths
        raise TypeError(f"{name}: expected an array, got {type(value).__name__}: {error}") from error


def holds_real_numbers(array: NDArray[Any]) -> bool:
    """Whether an array holds integers or floats, or symbols of them.

    Examples
    --------
    >>> holds_real_numbers(np.zeros(2)), holds_real_numbers(np.array(["a"]))
    (True, False)
    """
    return array.dtype.kind in "fiu" or isinstance(array, SymbolicArray)
