"""Addresses of BLAS functions, which kernels call."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

__all__ = ["blas_addresses"]


@functools.cache
def blas_addresses(dtype: np.dtype[Any]) -> tuple[int, int, int]:
    """Return the addresses of gemm, gemv and dot of SciPy's BLAS, for float32 or float64."""
    from scipy.linalg import cython_blas

    letter, capsules = {4: "s", 8: "d"}[dtype.itemsize], dict[str, Any](cython_blas.__pyx_capi__)
    gemm, gemv, dot = (_address(capsules[letter + name]) for name in ("gemm", "gemv", "dot"))
    return gemm, gemv, dot


def _address(capsule: Any) -> int:
    """Return the address of the function in a capsule."""
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int = pointer_of(capsule, name_of(capsule))
    return address
