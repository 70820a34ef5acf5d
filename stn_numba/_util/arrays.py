"""Arrays from whatever callers hand in: nothing is read that is not there, and the argument is named in every error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_array"]


def as_array(value: Any, name: str) -> NDArray[Any]:
    """Return a plain array of what `value` holds, without a copy where it is one already.

    Whatever offers ``__array__`` or ``__dlpack__`` will do: lists, subclasses, tensors of other libraries on the CPU.

    Raises
    ------
    ValueError
        If it is a masked array in which something is masked: there is no value to be read there.
    TypeError
        If no array can be made of it.

    Examples
    --------
    >>> as_array([1, 2], "image").shape
    (2,)
    >>> as_array(np.ma.masked_equal([1, 2], 2), "image")
    Traceback (most recent call last):
    ValueError: image: 1 of 2 values are masked; fill them first, with .filled(value)
    """
    if type(value) is np.ndarray:
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
    except Exception as error:  # whatever a stranger's object raises: a tensor with a gradient, lists of unequal lengths
        raise TypeError(f"{name}: expected an array, got {type(value).__name__}: {error}") from error
