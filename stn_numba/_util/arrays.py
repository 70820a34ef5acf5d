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


_CPU_DEVICES = 1, 3, 11  # codes of DLPack: the CPU, and its memory that CUDA or ROCm has pinned


def as_array(value: Any, name: str) -> NDArray[Any]:
    """Convert an array-like to a plain NumPy array, without a copy if it is one already.

    Accepts lists, ndarray subclasses, and objects with ``__array__`` or ``__dlpack__``, such as CPU tensors of other libraries.

    Raises
    ------
    ValueError
        If it is a masked array with masked values.
    TypeError
        If it cannot be converted, or is a tensor on another device or one that requires a gradient.

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
    if _is_elsewhere(value):
        device = getattr(value, "device", "another device")
        raise TypeError(f"{name}: expected an array in the memory of the CPU, got {device}: copy it first, as with .cpu()")
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except MemoryError:
        raise
    except Exception as error:  # foreign objects raise anything: lists of unequal lengths, tensors that NumPy cannot read
        if getattr(value, "requires_grad", False) is True:
            raise TypeError(
                f"{name}: expected an array, got a tensor that requires a gradient: pass {name}.detach(), or, where the "
                "gradient is needed, call the functions of stn_numba.torch"
            ) from error
        raise TypeError(f"{name}: expected an array, got {type(value).__name__}: {error}") from error


def _is_elsewhere(value: Any) -> bool:
    """Whether an object says that its memory is not that of the CPU."""
    if not hasattr(value, "__dlpack_device__"):
        return False
    try:
        return bool(value.__dlpack_device__()[0] not in _CPU_DEVICES)
    except Exception:  # an object that has no answer
        return False


def holds_real_numbers(array: NDArray[Any]) -> bool:
    """Whether an array holds integers or floats, or symbols of them.

    Examples
    --------
    >>> holds_real_numbers(np.zeros(2)), holds_real_numbers(np.array(["a"]))
    (True, False)
    """
    return array.dtype.kind in "fiu" or isinstance(array, SymbolicArray)
