"""Weighted samples: equal ones are merged, so that a weight of 2 means the same as the sample twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_real
from stn_numba.nn.inputs.weights import expect_weights

__all__ = ["Samples", "as_weights", "class_factors", "merged"]


@dataclass
class Samples:
    """Images, their targets and their weights, which are positive before those of classes are applied."""

    images: NDArray[Any]
    targets: NDArray[Any]
    weights: NDArray[np.float64]

    def subset(self, rows: NDArray[np.intp]) -> Samples:
        """Return some of the samples."""
        return Samples(self.images[rows], self.targets[rows], self.weights[rows])

    def mean_one(self) -> NDArray[np.float64] | None:
        """Return the weights divided by their mean; None if all are the same."""
        if (self.weights == self.weights[0]).all():
            return None
        weights: NDArray[np.float64] = self.weights * (len(self.weights) / self.weights.sum())
        return weights


def as_weights(sample_weight: Any, count: int) -> NDArray[np.float64]:
    """Return weights (count,), not all zero; those of a mask are 0 and 1, and those of None are 1."""
    if sample_weight is None:
        return np.ones(count)
    given = np.asarray(sample_weight)
    weights = expect_weights(given.astype(np.uint8) if given.dtype == bool else given, "sample_weight", count)
    if not weights.any():
        raise ValueError("sample_weight: expected at least one weight other than zero")
    return weights


def merged(images: NDArray[Any], targets: NDArray[Any], weights: NDArray[np.float64]) -> Samples:
    """Return the samples without those of weight 0, in an order of their own, equal ones as one with the sum of their weights.

    Whatever is learned from the result depends neither on the order of the samples, nor on whether a sample is given twice or
    has twice the weight.

    Examples
    --------
    >>> samples = merged(np.array([[1.0], [2.0], [1.0], [3.0]]), np.zeros(4), np.array([1.0, 3.0, 1.0, 0.0]))
    >>> dict(zip(samples.images[:, 0].tolist(), samples.weights.tolist())) == {1.0: 2.0, 2.0: 3.0}
    True
    """
    first: dict[tuple[bytes, bytes], int] = {}
    total: dict[tuple[bytes, bytes], float] = {}
    for row in np.flatnonzero(weights).tolist():
        key = blake2b(images[row].tobytes(), digest_size=16).digest(), targets[row].tobytes()
        first.setdefault(key, row)
        total[key] = total.get(key, 0.0) + float(weights[row])
    keys = sorted(first)
    rows = np.array([first[key] for key in keys])
    return Samples(images[rows], targets[rows], np.array([total[key] for key in keys]))


def class_factors(class_weight: Any, classes: NDArray[Any], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the factor of each class, from a dict by label, or "balanced": all classes count as much; `totals` are weights.

    Examples
    --------
    >>> class_factors("balanced", np.array(["a", "b"]), np.array([3.0, 1.0])).tolist()
    [0.6666666666666666, 2.0]
    >>> class_factors({"b": 5}, np.array(["a", "b"]), np.array([3.0, 1.0])).tolist()
    [1.0, 5.0]
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        present = totals > 0
        return np.where(present, totals.sum() / (present.sum() * np.where(present, totals, 1.0)), 1.0)
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight: expected None, 'balanced' or a dict of weights by label, got {class_weight!r:.60}")
    known = classes.tolist()
    if class_weight and not any(label in known for label in class_weight):
        raise ValueError(f"class_weight: expected weights by label, {known!r:.60}, got those of {[*class_weight]!r:.60}")
    return np.array([as_real(class_weight.get(label, 1.0), f"class_weight[{label!r}]", "[0, inf)") for label in known])
