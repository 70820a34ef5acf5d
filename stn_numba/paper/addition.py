"""MNIST addition: two digits, each distorted on its own in its own channel, and their sum (arXiv 1506.02025, appendix A.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.data import get_distortion

__all__ = ["AdditionBatches", "addition_set"]

_DISTORTION = "RTS"

Pairs = tuple[NDArray[np.float32], NDArray[np.int64]]


class AdditionBatches:
    """Pairs of digits, drawn and distorted afresh in each epoch: every digit once as the first one.

    A `stn_numba.nn.Stream` of images (n, 42, 42, 2) and sums 0 to 18.
    """

    def __init__(self, images: NDArray[np.float32], labels: NDArray[np.int64], batch_size: int) -> None:
        self.images, self.labels, self.batches = images, labels, -(-len(images) // batch_size)

    def __len__(self) -> int:
        return self.batches

    def __call__(self, rng: np.random.Generator) -> Iterator[Pairs]:
        """Yield the pairs of an epoch, batch by batch."""
        first, second = rng.permutation(len(self.images)), rng.permutation(len(self.images))
        for rows in zip(np.array_split(first, self.batches), np.array_split(second, self.batches), strict=True):
            yield _pairs(self.images, self.labels, rows, rng)


def addition_set(images: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> Pairs:
    """Return as many pairs as there are images, each image once as the first and once as the second digit."""
    batches = [*AdditionBatches(images, labels, 500)(np.random.default_rng(seed))]
    return np.concatenate([pair for pair, _ in batches]), np.concatenate([sums for _, sums in batches])


def _pairs(images: Any, labels: Any, rows: tuple[Any, Any], rng: np.random.Generator) -> Pairs:
    distort = get_distortion(_DISTORTION)
    channels = [np.asarray(distort(images[part], rng), np.float32) for part in rows]
    return np.concatenate(channels, axis=-1), labels[rows[0]] + labels[rows[1]]
