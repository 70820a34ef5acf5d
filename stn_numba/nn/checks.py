"""What `fit` refuses before it begins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.nn.classifier import Classifier
from stn_numba.nn.layer import positive_int

__all__ = ["check_data", "check_numbers", "check_rates"]


def check_data(
    model: Classifier, X: ArrayLike, y: ArrayLike, *, free_size: bool = False, name: str = ""
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labelled images as arrays that fit the model but for their dtype: a mapped file is left where it is.

    `name` is put before X and y in errors.
    """
    X, y = model.expect_images(X, free_size=free_size, name=f"{name}X"), np.asarray(y)
    if y.shape != (len(X),) or y.dtype.kind not in "iu":
        raise ValueError(f"{name}y: expected ({len(X)},) whole numbers, got {y.dtype} {y.shape}")
    if not len(X):
        raise ValueError(f"{name}X: expected at least one image, got none")
    if not 0 <= y.min() <= y.max() < model.n_classes:
        raise ValueError(f"{name}y: expected labels 0 to {model.n_classes - 1}, got {y.min()} to {y.max()}")
    return X, y


def check_numbers(epochs: int, seconds: float | None, batch_size: int, learning_rate: float, smoothing: float) -> None:
    """Refuse numbers out of their range."""
    positive_int("epochs", epochs)
    positive_int("batch_size", batch_size)
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds: expected more than 0, got {seconds}")
    if not 0 <= learning_rate < math.inf:
        raise ValueError(f"learning_rate: expected a finite number, at least 0, got {learning_rate}")
    if not 0 <= smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number in [0, 1), got {smoothing}")


def check_rates(model: Classifier, always: set[str], rates: Mapping[str, float]) -> None:
    """Refuse a misspelt part of parameter names; parts in `always` need not occur in this model."""
    known = {part for name in model.params for part in name.split(".")} | always
    for part in rates:
        if part not in known:
            raise ValueError(f"rates: expected parts of parameter names ({', '.join(sorted(known))}), got {part!r}")
