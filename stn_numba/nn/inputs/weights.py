"""Weights of classes and of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_int, as_real
from stn_numba._util.arrays import as_array

__all__ = ["as_class_weights", "expect_weights"]


def expect_weights(weights: Any, name: str, count: int | None = None) -> NDArray[np.float64]:
    """Return weights (count,), finite and not negative, as an array."""
    array = as_array(weights, name)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected real numbers, got dtype {array.dtype}")
    if array.ndim != 1 or (count is not None and len(array) != count):
        raise ValueError(f"{name}: expected ({'K' if count is None else count},), got {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"{name}: expected finite numbers of at least 0, got {array.min()} to {array.max()}")
    return array.astype(np.float64)


def as_class_weights(given: Any, labels: NDArray[Any] | None, n_classes: int) -> NDArray[np.float64]:
    """Return weights (n_classes,) from an array, from a dict by class, or by the frequency of `labels` if "balanced".

    Examples
    --------
    >>> as_class_weights("balanced", np.array([0, 0, 0, 1]), 2)
    array([0.66666667, 2.        ])
    >>> as_class_weights({1: 5}, None, 3)
    array([1., 5., 1.])
    """
    if isinstance(given, str):
        if given != "balanced":
            raise ValueError(f"class_weight: expected 'balanced', a dict or ({n_classes},) numbers, got {given!r:.60}")
        return _balanced(labels, n_classes)
    if isinstance(given, Mapping):
        weights = np.ones(n_classes)
        for label, weight in given.items():
            if as_int(label, "class_weight's key", least=0) >= n_classes:
                raise ValueError(f"class_weight: expected classes 0 to {n_classes - 1} as keys, got {label}")
            weights[label] = as_real(weight, f"class_weight[{label}]", "[0, inf)")
        return weights
    return expect_weights(given, "class_weight", n_classes)


def _balanced(labels: NDArray[Any] | None, n_classes: int) -> NDArray[np.float64]:
    """Return N / (n_classes * images of the class), whose mean over the images is 1; 1 for classes without images."""
    if labels is None or labels.ndim != 1:
        raise ValueError("class_weight: 'balanced' needs the labels (N,) of all images: pass (n_classes,) numbers instead")
    counts = np.bincount(labels, minlength=n_classes)
    present = int(np.count_nonzero(counts))
    return np.where(counts > 0, len(labels) / (max(present, 1) * np.maximum(counts, 1)), 1.0)
