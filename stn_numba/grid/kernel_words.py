"""Arguments of kernels as machine words of 8 bytes, and the words of a grid: see `kernels.signature`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.validation import Shape

__all__ = ["COEFFICIENTS", "KIND", "MATRIX", "POSITIONS", "KernelWords", "grid_words"]

# Where the words of a grid stand, counted from its first one.
KIND, POSITIONS, MATRIX, COEFFICIENTS = 0, 1, 7, 11


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
    shape: Shape,
    arrays: tuple[NDArray[Any], ...],
    *,
    positions: tuple[int, ...] = (),
    matrix: int = 0,
    basis: tuple[int, ...] = (0, 0, 0),
    coefficients: int = 0,
    scale: NDArray[np.float64] | None = None,
) -> KernelWords:
    """The words of a grid of an output shape; kinds leave out what they do not have.

    `kernels.sampling.positions.GridSource` describes them, for volumes `kernels.volumes.positions.GridSource`.
    """
    axes = len(shape)
    positions = positions or (0,) * (axes + 4)
    scale = np.zeros((axes, 2 + axes)) if scale is None else scale
    if axes == 3:  # a displacement in a volume begins at a place that depends on its own index alone
        scale = np.stack([*scale.T[:2], scale.diagonal(2)], axis=1)
    return KernelWords((kind, *positions, matrix, *basis, coefficients, *scale.ravel().tolist(), *shape[1:]), arrays)
