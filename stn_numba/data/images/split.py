"""Choose rows of a data set: held-out ones, and batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["batches_by_size", "held_out_rows"]

Rows = NDArray[np.intp]


def held_out_rows(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which rows are held out: the same share of each class, at least one of two or more, and never all.

    Examples
    --------
    >>> held_out_rows(np.array([0, 0, 0, 0, 1, 1, 2]), 0.25, seed=0).sum()
    np.int64(2)
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_out[rows[:count]] = True
    return held_out


def batches_by_size(shapes: NDArray[np.int64], batch_size: int, rng: np.random.Generator | None) -> list[Rows]:
    """Return the rows of each batch of an epoch, all of one shape, in random order; in given order without a generator.

    Examples
    --------
    >>> shapes = np.array([[8, 8], [9, 9], [8, 8], [8, 8]])
    >>> [rows.tolist() for rows in batches_by_size(shapes, 2, None)]
    [[0, 2], [3], [1]]
    """
    _, sizes = np.unique(shapes, axis=0, return_inverse=True)
    order = np.arange(len(shapes)) if rng is None else rng.permutation(len(shapes))
    batches: list[Rows] = []
    for size in range(int(sizes.max()) + 1):
        rows = order[sizes.reshape(-1)[order] == size]
        batches += np.array_split(rows, -(-len(rows) // batch_size))
    if rng is None or not sizes.any():
        return batches
    return [batches[place] for place in rng.permutation(len(batches))]
