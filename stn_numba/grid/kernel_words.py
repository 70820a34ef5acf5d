"""Arguments of kernels as machine words of 8 bytes, and the words of a grid: see `kernels.signature`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["COEFFICIENTS", "KIND", "MATRIX", "NO_SCALE", "POSITIONS", "KernelWords", "grid_words"]

# Where the words of a grid stand, counted from its first one.
KIND, POSITIONS, MATRIX, COEFFICIENTS = 0, 1, 7, 11

NO_SCALE = np.zeros((2, 4))  # of grids whose values need no conversion


class KernelWords(NamedTuple):
    """The words of an argument.

    Attributes
    ----------
    words : tuple
        Numbers and addresses.
    arrays : tuple of ndarray
        What the addresses point to. Keep it until the kernel has run.
    """

    words: tuple[Any, ...]
    arrays: tuple[NDArray[Any], ...]


def grid_words(
    kind: int,
    columns: int,
    arrays: tuple[NDArray[Any], ...],
    *,
    positions: tuple[int, ...] = (0, 0, 0, 0, 0, 0),
    matrix: int = 0,
    basis: tuple[int, ...] = (0, 0, 0),
    coefficients: int = 0,
    scale: NDArray[np.float64] = NO_SCALE,
) -> KernelWords:
    """The words of a grid, as `kernels.sampling.positions.GridSource` describes them; kinds leave out what they do not have."""
    return KernelWords((kind, *positions, matrix, *basis, coefficients, *scale.ravel().tolist(), columns), arrays)
