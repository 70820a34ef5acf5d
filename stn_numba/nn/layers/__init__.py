"""Layers, one per file; each returns ``(y, backprop)`` from `forward`. `fusion` decides which are computed together.

The layers that are imported here can be saved, and are public as ``stn_numba.nn.<name>``.
"""

from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.batch_norm import BatchNorm
from stn_numba.nn.layers.center import Center
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.dropout import Dropout
from stn_numba.nn.layers.flatten import Flatten
from stn_numba.nn.layers.heads import Heads
from stn_numba.nn.layers.parallel import Parallel
from stn_numba.nn.layers.pooling import AvgPool, MaxPool
from stn_numba.nn.layers.relu import ReLU
from stn_numba.nn.layers.rescale import Rescale
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer
from stn_numba.nn.layers.volumes.conv3d import Conv3d
from stn_numba.nn.layers.volumes.pooling3d import AvgPool3d, MaxPool3d
from stn_numba.nn.layers.volumes.project import Project

__all__ = [
    "AvgPool", "AvgPool3d", "BatchNorm", "Center", "Chain", "Conv2d", "Conv3d", "Dense", "Dropout", "Flatten", "Heads", "Layer",
    "MaxPool", "MaxPool3d", "Parallel", "Project", "ReLU", "Rescale", "SpatialTransformer",
]  # fmt: skip
