"""Layers with hand-written backward passes, losses, optimizers and the training loop."""

from __future__ import annotations

from stn_numba.nn import layers, optimizers
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.layers import *
from stn_numba.nn.losses import softmax, softmax_cross_entropy
from stn_numba.nn.optimizers import *
from stn_numba.nn.saving.architecture import register_layer
from stn_numba.nn.saving.model_file import load, save
from stn_numba.nn.saving.tensor_file import StorageError
from stn_numba.nn.schedules import constant, cosine, one_cycle, step_decay
from stn_numba.nn.training.batches import Stream
from stn_numba.nn.training.callbacks import CSVLog, EarlyStopping, JSONLinesLog, TensorBoardLog
from stn_numba.nn.training.fit import NonFiniteError, fit
from stn_numba.nn.training.history import History

__all__ = [
    "CSVLog", "Classifier", "EarlyStopping", "History", "JSONLinesLog", "NonFiniteError", "StorageError", "Stream",
    "TensorBoardLog", "constant", "cosine", "fit", "load", "one_cycle", "register_layer", "save", "softmax",
    "softmax_cross_entropy", "step_decay",
]  # fmt: skip
__all__ += layers.__all__
__all__ += optimizers.__all__
