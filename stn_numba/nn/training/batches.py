"""Batches of images and targets: from arrays, in memory or mapped from files, or from a `Stream`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Floats
from stn_numba.nn.losses.base import Targets
from stn_numba.nn.model.evaluation import rows_of

__all__ = ["ArrayBatches", "Batches", "Stream", "draw_epoch"]

Batch = tuple[NDArray[Any], Targets, Any]


@runtime_checkable
class Stream(Protocol):
    """Training data that are made or read batch by batch: any object with a length and a call.

    An epoch must depend on `rng` alone: training that resumes from a checkpoint draws the epoch again, and skips the batches
    that it was trained on before.

    Examples
    --------
    >>> class Noise:
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __call__(self, rng):
    ...         for _ in range(len(self)):
    ...             yield rng.random((8, 28, 28, 1), np.float32), rng.integers(0, 10, 8)
    >>> isinstance(Noise(), Stream)
    True
    """

    def __len__(self) -> int:
        """Return the number of batches in an epoch; further ones are ignored."""

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        """Yield (images, targets), or (images, targets, sample_weight), batch by batch."""


class ArrayBatches:
    """Batches of nearly equal size, in a new order each epoch, without a small one at the end.

    Examples
    --------
    >>> batches = ArrayBatches(np.zeros((10, 28, 28, 1)), np.arange(10), 4)
    >>> [len(images) for images, _, _ in batches.draw(np.random.default_rng(0))]
    [4, 3, 3]
    """

    def __init__(self, X: NDArray[Any], y: Targets, batch_size: int, sample_weight: Floats | None = None) -> None:
        self.X, self.y, self.sample_weight, self.count = X, y, sample_weight, -(-len(X) // batch_size)

    def __len__(self) -> int:
        return self.count

    def draw(self, rng: np.random.Generator, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch without the first `skip`; only the rows of one batch are read at a time."""
        for rows in np.array_split(rng.permutation(len(self.X)), self.count)[skip:]:
            yield self.X[rows], rows_of(self.y, rows), None if self.sample_weight is None else self.sample_weight[rows]


Batches = ArrayBatches | Stream


def draw_epoch(batches: Batches, rng: np.random.Generator, skip: int) -> Iterator[Batch]:
    """Yield the batches of an epoch without the first `skip`."""
    if isinstance(batches, ArrayBatches):
        yield from batches.draw(rng, skip)
        return
    for batch in itertools.islice(batches(rng), skip, len(batches)):
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise TypeError(f"X: expected the stream to yield pairs (images, targets), got {type(batch).__name__}")
        yield batch[0], batch[1], batch[2] if len(batch) == 3 else None
