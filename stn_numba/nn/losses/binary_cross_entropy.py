"""Binary cross entropy, for images that belong to any number of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array
from stn_numba.nn.arrays import Floats, Size
from stn_numba.nn.losses.base import Loss, Targets, expect_target_numbers
from stn_numba.nn.losses.per_image import weighted_mean

__all__ = ["BinaryCrossEntropy", "sigmoid"]


def sigmoid(logits: ArrayLike) -> Floats:
    """Return probabilities ``1 / (1 + exp(-logits))``, without overflow.

    Examples
    --------
    >>> sigmoid([0.0, 1000.0, -1000.0]).tolist()
    [0.5, 1.0, 0.0]
    """
    values = as_array(logits, "logits")
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    small = np.exp(-np.abs(values))
    result: Floats = np.where(values >= 0, 1, small) / (1 + small)
    return result.astype(values.dtype, copy=False)


class BinaryCrossEntropy(Loss):
    """Cross entropy of the sigmoid of each output (logit) with its target: yes and no, or the probability of yes.

    The loss of an image is the mean over its outputs; its error is the share of outputs that are wrong.

    Examples
    --------
    >>> value, d_logits = BinaryCrossEntropy()(np.zeros((1, 2)), np.array([[1.0, 0.0]]))
    >>> round(value, 4), d_logits.tolist()
    (0.6931, [[-0.25, 0.25]])
    """

    in_percent = True

    def __call__(self, outputs: Floats, targets: Targets, sample_weight: Floats | None = None) -> tuple[float, Floats]:
        """Return the mean loss over the batch and its gradient by the logits."""
        targets = targets.astype(outputs.dtype, copy=False)
        losses = np.maximum(outputs, 0) - outputs * targets + np.log1p(np.exp(-np.abs(outputs)))
        return weighted_mean(losses, sigmoid(outputs) - targets, sample_weight)

    def check_targets(self, targets: Any, count: int, output_shape: Size, *, name: str = "y") -> Targets:
        """Return targets ``(count, *output_shape)`` in [0, 1], after checks; True and False count as 1 and 0."""
        array = as_array(targets, name)
        array = expect_target_numbers(array.astype(np.int8) if array.dtype == bool else array, count, output_shape, name)
        if array.size and not 0 <= array.min() <= array.max() <= 1:
            raise ValueError(f"{name}: expected targets in [0, 1], got {array.min()} to {array.max()}")
        return array

    def errors(self, outputs: Floats, targets: Targets) -> NDArray[Any]:
        """Return the share of wrong outputs of each image."""
        wrong = (outputs > 0) != (targets > 0.5)
        errors: NDArray[Any] = wrong.reshape(len(wrong), -1).mean(axis=1)
        return errors

    def predictions(self, outputs: Floats) -> NDArray[np.bool_]:
        """Return whether each probability is above one half."""
        return outputs > 0
