"""Where batches come from: arrays, in memory or mapped from files, or a stream of one's own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArrayBatches", "Source", "Stream", "epoch_of"]

Batch = tuple[NDArray[Any], NDArray[Any]]


@runtime_checkable
class Stream(Protocol):
    """Data that `fit` need not hold: a number of batches, and a way to draw an epoch of them.

    An epoch must depend on `rng` alone: a run that goes on from a checkpoint draws the epoch again, and leaves out the batches
    that it has learned from already.

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
        """Batches in an epoch; what is yielded beyond them is left."""

    def __call__(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield (images, labels), batch by batch."""


class ArrayBatches:
    """Batches of nearly equal size, in a new order each epoch: no small rest at the end.

    Examples
    --------
    >>> source = ArrayBatches(np.zeros((10, 28, 28, 1)), np.arange(10), 4)
    >>> [len(images) for images, _ in source.epoch(np.random.default_rng(0))]
    [4, 3, 3]
    """

    def __init__(self, X: NDArray[Any], y: NDArray[Any], batch_size: int) -> None:
        self.X, self.y, self.batches = X, y, -(-len(X) // batch_size)

    def __len__(self) -> int:
        return self.batches

    def epoch(self, rng: np.random.Generator, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `skip` on; only the rows of one batch are read at a time."""
        for rows in np.array_split(rng.permutation(len(self.X)), self.batches)[skip:]:
            yield self.X[rows], self.y[rows]


Source = ArrayBatches | Stream


def epoch_of(source: Source, rng: np.random.Generator, skip: int) -> Iterator[Batch]:
    """Yield the batches of an epoch, without the first `skip`."""
    if isinstance(source, ArrayBatches):
        return source.epoch(rng, skip)
    return map(_pair, itertools.islice(source(rng), skip, len(source)))


def _pair(batch: Any) -> Batch:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise TypeError(f"X: expected the stream to yield pairs (images, labels), got {type(batch).__name__}")
    return batch[0], batch[1]
