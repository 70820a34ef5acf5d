"""The loss of training: that of the evaluation, with label smoothing and class weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from stn_numba.nn.inputs.weights import as_class_weights
from stn_numba.nn.losses.base import Loss, Targets
from stn_numba.nn.losses.cross_entropy import CrossEntropy
from stn_numba.nn.losses.heads import HeadLosses
from stn_numba.nn.model.base import Model

__all__ = ["training_loss"]


def training_loss(model: Model, loss: Loss, targets: Targets | None, label_smoothing: float, class_weight: Any) -> Loss:
    """Return `loss` with the options of `fit` that only the cross entropy has; `targets` are those of all images, if known."""
    if class_weight is None:
        return _smoothed(loss, label_smoothing) if label_smoothing else loss
    if not isinstance(loss, CrossEntropy):
        hint = "; give the loss of a head its own, as CrossEntropy(class_weight=...)" if isinstance(loss, HeadLosses) else ""
        raise ValueError(f"class_weight: expected None with a loss other than the cross entropy, got the loss {loss!r}{hint}")
    labels = targets if isinstance(targets, np.ndarray) else None
    weights = as_class_weights(class_weight, labels, model.output_shape[0])
    return CrossEntropy(label_smoothing=label_smoothing or loss.label_smoothing, class_weight=weights)


def _smoothed(loss: Loss, label_smoothing: float) -> Loss:
    """Return the cross entropy with label smoothing, or losses of heads among which it is."""
    if isinstance(loss, CrossEntropy):
        return CrossEntropy(label_smoothing=label_smoothing, class_weight=loss.class_weight)
    if isinstance(loss, HeadLosses) and any(isinstance(each, CrossEntropy) for each in loss.losses.values()):
        smoothed = {
            name: _smoothed(each, label_smoothing) if isinstance(each, CrossEntropy) else each
            for name, each in loss.losses.items()
        }
        return HeadLosses(smoothed, loss.weights)
    raise ValueError(f"label_smoothing: expected 0 with a loss other than the cross entropy, got {label_smoothing}")
