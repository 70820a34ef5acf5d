"""MNIST addition: classify the sum of two distorted digits, one per channel (arXiv 1506.02025, appendix A.2)."""

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
    """A `stn_numba.nn.Stream` of image pairs (n, 42, 42, 2) and their sums 0 to 18.

    Every epoch draws new pairs and distortions, with every digit once as the first of a pair.
    """

    def __init__(self, images: NDArray[np.float32], labels: NDArray[np.int64], batch_size: int) -> None:
        self.images, self.labels, self.n_batches = images, labels, -(-len(images) // batch_size)

    def __len__(self) -> int:
        return self.n_batches

    def __call__(self, rng: np.random.Generator) -> Iterator[Pairs]:
        """Yield the batches of an epoch."""
        first, second = rng.permutation(len(self.images)), rng.permutation(len(self.images))
        for rows in zip(np.array_split(first, self.n_batches), np.array_split(second, self.n_batches), strict=True):
            yield _pairs(self.images, self.labels, rows, rng)


def addition_set(images: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> Pairs:
    """Return a fixed set of pairs and sums, with each image once as the first and once as the second digit."""
    batches = [*AdditionBatches(images, labels, 500)(np.random.default_rng(seed))]
    return np.concatenate([pair for pair, _ in batches]), np.concatenate([sums for _, sums in batches])


def _pairs(images: Any, labels: Any, rows: tuple[Any, Any], rng: np.random.Generator) -> Pairs:
    distort = get_distortion(_DISTORTION)
    channels = [np.asarray(distort(images[part], rng), np.float32) for part in rows]
    return np.concatenate(channels, axis=-1), labels[rows[0]] + labels[rows[1]]
