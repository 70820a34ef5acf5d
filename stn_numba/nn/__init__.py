"""Layers with hand-written backward passes, losses, optimizers and the training loop."""

from __future__ import annotations

from stn_numba.nn.classifier import Classifier
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.dropout import Dropout
from stn_numba.nn.layers.flatten import Flatten
from stn_numba.nn.layers.parallel import Parallel
from stn_numba.nn.layers.pooling import AvgPool, MaxPool
from stn_numba.nn.layers.relu import ReLU
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer
from stn_numba.nn.losses import softmax, softmax_cross_entropy
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.optimizers.muon import Muon
from stn_numba.nn.optimizers.sgd import SGD
from stn_numba.nn.saving.model_file import load, save
from stn_numba.nn.saving.tensor_file import StorageError
from stn_numba.nn.schedules import constant, cosine, one_cycle, step_decay
from stn_numba.nn.training.batches import Stream
from stn_numba.nn.training.callbacks import CSVLog, EarlyStopping, JSONLinesLog, TensorBoardLog
from stn_numba.nn.training.fit import NonFiniteError, fit
from stn_numba.nn.training.history import History

__all__ = [
    "SGD", "Adam", "AvgPool", "CSVLog", "Chain", "Classifier", "Conv2d", "Dense", "Dropout", "EarlyStopping", "Flatten",
    "History", "JSONLinesLog", "Layer", "MaxPool", "Muon", "NonFiniteError", "Optimizer", "Parallel", "ReLU",
    "SpatialTransformer", "StorageError", "Stream", "TensorBoardLog", "constant", "cosine", "fit", "load", "one_cycle", "save",
    "softmax", "softmax_cross_entropy", "step_decay",
]  # fmt: skip
