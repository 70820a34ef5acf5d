"""The softmax and its cross entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_real
from stn_numba._util.arrays import as_array
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Floats, Size
from stn_numba.nn.inputs.labels import expect_classes
from stn_numba.nn.inputs.weights import expect_weights
from stn_numba.nn.losses.base import Loss, Targets

__all__ = ["CrossEntropy", "softmax", "softmax_cross_entropy"]

_CROSS_ENTROPY = kernel("nn.kernels.losses", "softmax_cross_entropy")


def softmax(logits: ArrayLike) -> Floats:
    """Return probabilities from logits.

    Parameters
    ----------
    logits : (N, classes) array of real numbers
        Class scores.

    Returns
    -------
    (N, classes) array

    Raises
    ------
    TypeError, ValueError
        If the logits are no real numbers (N, classes).

    Examples
    --------
    >>> softmax(np.zeros((1, 2))).tolist()
    [[0.5, 0.5]]
    """
    logits = _checked_logits(logits)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, *, label_smoothing: float = 0.0
) -> tuple[float, Callable[[], Floats]]:
    """Return the mean cross entropy of the softmax of `logits` with the labels, and its backward.

    Parameters
    ----------
    logits : (N, classes) array of real numbers
        Class scores.
    labels : (N,) array of int
        In [0, classes).
    label_smoothing : float, default 0.0
        Share of the target that is spread evenly over all classes, in [0, 1) (Szegedy et al., arXiv 1512.00567, section 7).

    Returns
    -------
    loss : float
        The mean over the batch.
    backprop : function
        ``backprop() -> d_logits``, (N, classes).

    Raises
    ------
    TypeError, ValueError
        If the logits are no real numbers (N, classes), the labels do not fit them, or `label_smoothing` is out of its range.

    Examples
    --------
    >>> loss, backprop = softmax_cross_entropy(np.zeros((1, 4)), [2])
    >>> round(loss, 4), backprop().round(2).tolist()
    (1.3863, [[0.25, 0.25, -0.75, 0.25]])
    """
    logits, labels = _checked_logits(logits), as_array(labels, "labels")
    label_smoothing = as_real(label_smoothing, "label_smoothing", "[0, 1)")
    N, classes = logits.shape
    if labels.shape != (N,) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels: expected ({N},) whole numbers, got {labels.dtype} {labels.shape}")
    if N and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels: expected 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
    d_logits = np.empty(logits.shape, logits.dtype if logits.dtype in (np.float32, np.float64) else np.float64)
    values = np.ascontiguousarray(logits, d_logits.dtype)
    total = np.empty(1)
    _CROSS_ENTROPY(values, labels.astype(np.int64, order="C"), float(label_smoothing), d_logits, total)
    return float(total[0]) / max(N, 1), d_logits.copy


def _checked_logits(logits: ArrayLike) -> Floats:
    """(N, classes) as floats."""
    array = as_array(logits, "logits")
    if array.dtype.kind not in "fiu":
        raise TypeError(f"logits: expected real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"logits: expected (N, classes), got {array.shape}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


class CrossEntropy(Loss):
    """Cross entropy of the softmax of the outputs (logits) with the classes: one of several, or a probability for each.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        See `softmax_cross_entropy`.
    class_weight : (n_classes,) array, default None
        Factors of the losses of images by their class; None for 1.

    Raises
    ------
    TypeError, ValueError
        If an option does not fit.

    Examples
    --------
    >>> loss = CrossEntropy(class_weight=[1, 3])
    >>> value, d_logits = loss(np.zeros((2, 2)), np.array([0, 1]))
    >>> round(value, 4), d_logits.tolist()
    (1.3863, [[-0.25, 0.25], [0.75, -0.75]])
    """

    in_percent = True

    def __init__(self, *, label_smoothing: float = 0.0, class_weight: ArrayLike | None = None) -> None:
        self.label_smoothing = as_real(label_smoothing, "label_smoothing", "[0, 1)")
        self.class_weight = None if class_weight is None else expect_weights(class_weight, "class_weight")

    def __call__(self, outputs: Floats, targets: Targets, sample_weight: Floats | None = None) -> tuple[float, Floats]:
        """Return the mean cross entropy over the batch and its gradient by the logits."""
        if targets.ndim == 1 and sample_weight is None and self.class_weight is None:
            loss, backprop = softmax_cross_entropy(outputs, targets, label_smoothing=self.label_smoothing)
            return loss, backprop()
        N, classes = outputs.shape
        probabilities = np.eye(classes)[targets] if targets.ndim == 1 else targets
        weights = np.full(N, 1 / max(N, 1))
        if self.class_weight is not None:
            weights = weights * (probabilities @ self.class_weight)
        if sample_weight is not None:
            weights = weights * sample_weight
        probabilities = (1 - self.label_smoothing) * probabilities + self.label_smoothing / classes
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        value = -float(weights @ (probabilities * log_softmax).sum(axis=1))
        d_logits: Floats = (weights[:, None] * (np.exp(log_softmax) - probabilities)).astype(outputs.dtype)
        return value, d_logits

    def check_targets(self, targets: Any, count: int, output_shape: Size, *, name: str = "y") -> Targets:
        """Return labels (count,), or class probabilities (count, n_classes), after checks."""
        (n_classes,) = output_shape
        if self.class_weight is not None and len(self.class_weight) != n_classes:
            raise ValueError(f"class_weight: expected ({n_classes},), one for each class, got {self.class_weight.shape}")
        return expect_classes(targets, count, n_classes, name=name)

    def errors(self, outputs: Floats, targets: Targets) -> NDArray[Any]:
        """Return whether each prediction is wrong; with soft labels whether it is not the most likely class."""
        errors: NDArray[Any] = outputs.argmax(axis=1) != (targets if targets.ndim == 1 else targets.argmax(axis=1))
        return errors

    def predictions(self, outputs: Floats) -> NDArray[np.intp]:
        """Return the most likely classes (N,)."""
        classes: NDArray[np.intp] = np.argmax(outputs, axis=1)
        return classes

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""
        weights = None if self.class_weight is None else self.class_weight.tolist()
        return {"label_smoothing": self.label_smoothing, "class_weight": weights}
