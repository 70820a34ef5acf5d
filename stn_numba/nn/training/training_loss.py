"""The loss of training: that of the evaluation, with class weights and label smoothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba.nn.inputs.weights import as_class_weights
from stn_numba.nn.losses.base import Loss, Targets
from stn_numba.nn.losses.cross_entropy import CrossEntropy
from stn_numba.nn.losses.heads import HeadLosses
from stn_numba.nn.model.base import Model
from stn_numba.nn.schedules import Schedule

__all__ = ["smoothed", "weighted"]

# Label smoothing by default, at the end of training: from the start it slows down what is hard to learn, later it prevents
# overfitting.
_FINAL_SMOOTHING = 0.1


def weighted(model: Model, loss: Loss, targets: Targets | None, class_weight: Any) -> Loss:
    """Return `loss` with class weights, which only the cross entropy has; `targets` are those of all images, if known."""
    if class_weight is None:
        return loss
    if not isinstance(loss, CrossEntropy):
        hint = "; give the loss of a head its own, as CrossEntropy(class_weight=...)" if isinstance(loss, HeadLosses) else ""
        raise ValueError(f"class_weight: expected None with a loss other than the cross entropy, got the loss {loss!r}{hint}")
    labels = targets if isinstance(targets, np.ndarray) else None
    result = copy.copy(loss)
    result.class_weight = as_class_weights(class_weight, labels, model.output_shape[0])
    return result


def smoothed(loss: Loss, label_smoothing: float | Schedule | None) -> Callable[[float], Loss]:
    """Return a function of progress in [0, 1]: `loss` with the label smoothing there, also in its heads.

    None is a smoothing that grows from 0 to 0.1, for each cross entropy that has none of its own, and nothing for other losses.
    """
    if label_smoothing is None:
        return lambda progress: _with_smoothing(loss, _FINAL_SMOOTHING * progress, keep_own=True)
    if callable(label_smoothing):
        _expect_cross_entropy(loss, label_smoothing)
        return lambda progress: _with_smoothing(loss, as_real(label_smoothing(progress), "label_smoothing's value", "[0, 1)"))
    if value := as_real(label_smoothing, "label_smoothing", "[0, 1)"):
        _expect_cross_entropy(loss, label_smoothing)
        loss = _with_smoothing(loss, value)
    return lambda progress: loss


def _expect_cross_entropy(loss: Loss, label_smoothing: float | Schedule) -> None:
    losses = loss.losses.values() if isinstance(loss, HeadLosses) else [loss]
    if not any(isinstance(each, CrossEntropy) for each in losses):
        raise ValueError(f"label_smoothing: expected 0 with a loss other than the cross entropy, got {label_smoothing}")


def _with_smoothing(loss: Loss, value: float, *, keep_own: bool = False) -> Loss:
    """Return a copy of the loss in which cross entropies, also of heads, have another smoothing; or those that had none."""
    if isinstance(loss, HeadLosses):
        losses = {name: _with_smoothing(each, value, keep_own=keep_own) for name, each in loss.losses.items()}
        return HeadLosses(losses, loss.weights)
    if not isinstance(loss, CrossEntropy) or (keep_own and loss.label_smoothing):
        return loss
    result = copy.copy(loss)
    result.label_smoothing = value
    return result
