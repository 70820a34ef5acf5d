"""Batches of labeled images: from arrays, in memory or mapped from files, or from a `Stream`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArrayBatches", "Batches", "Stream", "draw_epoch"]

Batch = tuple[NDArray[Any], NDArray[Any]]


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

    def __call__(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield (images, labels), batch by batch."""


class ArrayBatches:
    """Batches of nearly equal size, in a new order each epoch, without a small one at the end.

    Examples
    --------
    >>> batches = ArrayBatches(np.zeros((10, 28, 28, 1)), np.arange(10), 4)
    >>> [len(images) for images, _ in batches.draw(np.random.default_rng(0))]
    [4, 3, 3]
    """

    def __init__(self, X: NDArray[Any], y: NDArray[Any], batch_size: int) -> None:
        self.X, self.y, self.count = X, y, -(-len(X) // batch_size)

    def __len__(self) -> int:
        return self.count

    def draw(self, rng: np.random.Generator, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch without the first `skip`; only the rows of one batch are read at a time."""
        for rows in np.array_split(rng.permutation(len(self.X)), self.count)[skip:]:
            yield self.X[rows], self.y[rows]


Batches = ArrayBatches | Stream


def draw_epoch(batches: Batches, rng: np.random.Generator, skip: int) -> Iterator[Batch]:
    """Yield the batches of an epoch without the first `skip`."""
    if isinstance(batches, ArrayBatches):
        yield from batches.draw(rng, skip)
        return
    for batch in itertools.islice(batches(rng), skip, len(batches)):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise TypeError(f"X: expected the stream to yield pairs (images, labels), got {type(batch).__name__}")
        yield batch[0], batch[1]
