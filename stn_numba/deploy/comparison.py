"""What the checks of the self test share: dtypes, numbers of threads, and the comparison with a reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLOATS", "THREADS", "expect_close"]

FLOATS = ("float32", "float64")
THREADS = {"one thread": 1, "all threads": None}

Array = NDArray[Any]


def expect_close(got: Array | None, expected: Array, tolerance: float, what: str = "") -> None:
    """Raise an AssertionError if a result differs from a reference by more than is tolerated."""
    if got is None or got.shape != expected.shape:
        raise AssertionError(f"expected shape {expected.shape}, got {None if got is None else got.shape}")
    error = float(np.max(np.abs(got - expected.astype(np.float64))))
    if not error <= tolerance:
        raise AssertionError(f"off by {error:.3g}, tolerance {tolerance:.3g}{f' ({what})' if what else ''}")
