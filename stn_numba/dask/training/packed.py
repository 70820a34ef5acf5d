"""Send many arrays as one, which takes less time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from stn_numba.nn.arrays import Arrays, Floats

__all__ = ["Packed", "packed", "unpacked"]


@dataclass(frozen=True)
class Packed:
    """Arrays of one dtype, one after another."""

    shapes: dict[str, tuple[int, ...]]
    numbers: Floats


def packed(arrays: Arrays) -> Packed | Arrays:
    """Return arrays as one if they have the same dtype; otherwise as they are."""
    if len({array.dtype for array in arrays.values()}) != 1:
        return dict(arrays)
    numbers = np.concatenate([array.ravel() for array in arrays.values()])
    return Packed({name: array.shape for name, array in arrays.items()}, numbers)


def unpacked(value: Packed | Arrays | Any) -> Arrays:
    """Return the arrays that `packed` was given; they are views of one.

    Examples
    --------
    >>> arrays = {"weight": np.ones((2, 3)), "bias": np.zeros(2), "scale": np.array(4.0)}
    >>> again = unpacked(packed(arrays))
    >>> all(np.array_equal(again[name], array) for name, array in arrays.items())
    True
    """
    if not isinstance(value, Packed):
        arrays: Arrays = value
        return arrays
    # what comes from the network may lie at any address
    numbers = value.numbers if value.numbers.flags.aligned else value.numbers.copy()
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in value.shapes.values())])
    pieces = [numbers[start:stop] for start, stop in pairwise(ends)]
    return {name: piece.reshape(shape) for (name, shape), piece in zip(value.shapes.items(), pieces, strict=True)}
