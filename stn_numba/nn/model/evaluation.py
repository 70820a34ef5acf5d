"""The mean loss and error over many images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stn_numba.nn.arrays import Floats
from stn_numba.nn.losses.base import Loss, Targets

__all__ = ["mean_loss_and_error", "rows_of"]


def rows_of(targets: Targets, rows: Any) -> Targets:
    """Return some rows of an array, or of each array of a dict."""
    if isinstance(targets, Mapping):
        return {name: rows_of(inner, rows) for name, inner in targets.items()}
    return targets[rows]


def mean_loss_and_error(
    loss: Loss, outputs: Floats, targets: Targets, split: Callable[[Floats], Any], batch_size: int
) -> tuple[float, float | None]:
    """Return the means over all images of the loss and of the error; the error is None if the loss has none.

    The loss is called batch by batch: one that compares images with each other may take memory by the square of their number.
    """
    total, errors = 0.0, []
    complete = True
    for start in range(0, len(outputs), batch_size):
        rows = slice(start, start + batch_size)
        part, part_targets = split(outputs[rows]), rows_of(targets, rows)
        total += len(outputs[rows]) * loss(part, part_targets)[0]
        own = loss.errors(part, part_targets)
        errors += [] if own is None else [own]
        complete = complete and own is not None
    if not complete:
        return total / len(outputs), None
    return total / max(len(outputs), 1), float(np.mean(np.concatenate(errors))) if errors else 0.0
