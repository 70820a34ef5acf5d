"""Layers with hand-written backward passes, losses, optimisers and the training loop."""

from __future__ import annotations

from stn_numba.nn.callbacks import CSVLog, EarlyStopping, JSONLinesLog, TensorBoardLog
from stn_numba.nn.chain import Chain
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.conv2d import Conv2d
from stn_numba.nn.dense import Dense
from stn_numba.nn.dropout import Dropout
from stn_numba.nn.fit import NonFiniteError, fit
from stn_numba.nn.flatten import Flatten
from stn_numba.nn.history import History
from stn_numba.nn.layer import Layer
from stn_numba.nn.losses import softmax, softmax_cross_entropy
from stn_numba.nn.muon import Muon
from stn_numba.nn.optimisers import SGD, Adam
from stn_numba.nn.parallel import Parallel
from stn_numba.nn.pooling import AvgPool, MaxPool
from stn_numba.nn.random_warp import RandomWarp
from stn_numba.nn.relu import ReLU
from stn_numba.nn.schedules import constant, cosine, one_cycle, step_decay
from stn_numba.nn.sources import Stream
from stn_numba.nn.spatial_transformer import SpatialTransformer
from stn_numba.nn.storage import StorageError, load, save

__all__ = [
    "SGD",
    "Adam",
    "AvgPool",
    "CSVLog",
    "Chain",
    "Classifier",
    "Conv2d",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Flatten",
    "History",
    "JSONLinesLog",
    "Layer",
    "MaxPool",
    "Muon",
    "NonFiniteError",
    "Parallel",
    "RandomWarp",
    "ReLU",
    "SpatialTransformer",
    "StorageError",
    "Stream",
    "TensorBoardLog",
    "constant",
    "cosine",
    "fit",
    "load",
    "one_cycle",
    "save",
    "softmax",
    "softmax_cross_entropy",
    "step_decay",
]
