"""What moves over the network: bytes of arrays, and seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stn_numba.dask.training.packed import Packed
from stn_numba.nn.model.parts import Part

__all__ = ["Traffic", "array_bytes"]


@dataclass
class Traffic:
    """What a training has moved so far, seen from the driver.

    Attributes
    ----------
    steps : int
        How many steps were computed.
    repeated : int
        How many of them again, because a worker was lost.
    sent, received : int
        Bytes of arrays to and from all workers.
    waited : float
        Seconds in which the driver waited for workers.
    worked : float
        Seconds in which the slowest worker of each step computed.
    """

    steps: int = 0
    repeated: int = 0
    sent: int = 0
    received: int = 0
    waited: float = 0.0
    worked: float = 0.0


def array_bytes(value: Any) -> int:
    """Return the bytes of all arrays in nested tuples, lists, dicts and parts.

    Examples
    --------
    >>> array_bytes(({"weight": np.zeros(10)}, [np.zeros(2, np.float32)], 3))
    88
    """
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Packed):
        return value.numbers.nbytes
    if isinstance(value, Part):
        return value.images.nbytes
    if isinstance(value, Mapping):
        return sum(map(array_bytes, value.values()))
    return sum(map(array_bytes, value)) if isinstance(value, tuple | list) else 0
