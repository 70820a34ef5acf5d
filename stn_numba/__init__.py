"""Spatial Transformer Networks, and fast differentiable image warps, on the CPU and in NumPy."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from stn_numba.grid import BasisGrid, DenseGrid, Grid, MatrixGrid, base_points
from stn_numba.registry import PluginError, available, get_transform, register_transform
from stn_numba.sampler import sample, sample_vjp
from stn_numba.threads import get_num_threads, limit_threads, set_num_threads
from stn_numba.transform import LinearTransform, MatrixTransform, Transform
from stn_numba.warp import warp

if TYPE_CHECKING:
    from stn_numba import models
    from stn_numba.nn.fit import fit
    from stn_numba.nn.storage import load, save

__version__ = "0.1.0"

__all__ = [
    "BasisGrid",
    "DenseGrid",
    "Grid",
    "LinearTransform",
    "MatrixGrid",
    "MatrixTransform",
    "PluginError",
    "Transform",
    "available",
    "base_points",
    "fit",
    "get_num_threads",
    "get_transform",
    "limit_threads",
    "load",
    "models",
    "register_transform",
    "sample",
    "sample_vjp",
    "save",
    "set_num_threads",
    "warp",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the program sets logging up

# Training is loaded when it is first asked for: a pipeline that only warps never pays for it.
_LATER = {"fit": "nn.fit", "load": "nn.storage", "save": "nn.storage", "models": "models"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"stn_numba.{_LATER[name]}")
    return module if name == "models" else getattr(module, name)
