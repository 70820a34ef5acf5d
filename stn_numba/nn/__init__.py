"""Layers with hand-written backward passes, models, losses, optimizers and the training loop."""

from __future__ import annotations

from stn_numba.nn import layers, losses, model, optimizers
from stn_numba.nn.layers import *
from stn_numba.nn.losses import *
from stn_numba.nn.model import *
from stn_numba.nn.model.parts import forward_in_parts
from stn_numba.nn.optimizers import *
from stn_numba.nn.penalties import centers_inside, near_identity, scale_limits
from stn_numba.nn.saving.architecture import register_layer
from stn_numba.nn.saving.model_file import load, save
from stn_numba.nn.saving.tensor_file import StorageError
from stn_numba.nn.schedules import constant, cosine, one_cycle, step_decay
from stn_numba.nn.training.batches import Stream
from stn_numba.nn.training.fit import NonFiniteError, fit
from stn_numba.nn.training.reports.callbacks import CSVLog, EarlyStopping, JSONLinesLog, TensorBoardLog
from stn_numba.nn.training.reports.history import History
from stn_numba.nn.training.trainer import Trainer, training_threads

__all__ = [
    "CSVLog", "EarlyStopping", "History", "JSONLinesLog", "NonFiniteError", "StorageError", "Stream", "TensorBoardLog",
    "Trainer", "centers_inside", "constant", "cosine", "fit", "forward_in_parts", "load", "near_identity", "one_cycle",
    "register_layer", "save", "scale_limits", "step_decay", "training_threads",
]  # fmt: skip
__all__ += layers.__all__
__all__ += losses.__all__
__all__ += model.__all__
__all__ += optimizers.__all__
