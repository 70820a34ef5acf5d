"""Losses: how wrong outputs are, and the gradient of that."""

from __future__ import annotations

from stn_numba.nn.losses.base import Loss
from stn_numba.nn.losses.binary_cross_entropy import BinaryCrossEntropy, sigmoid
from stn_numba.nn.losses.cross_entropy import CrossEntropy, softmax, softmax_cross_entropy
from stn_numba.nn.losses.regression import Huber, MeanSquaredError

__all__ = [
    "BinaryCrossEntropy", "CrossEntropy", "Huber", "Loss", "MeanSquaredError", "sigmoid", "softmax", "softmax_cross_entropy",
]  # fmt: skip
