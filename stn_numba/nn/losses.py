"""The softmax and its cross entropy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_real
from stn_numba._util.arrays import as_array
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Floats

__all__ = ["softmax", "softmax_cross_entropy"]

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
