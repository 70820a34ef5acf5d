"""Spatial Transformer Networks, and fast differentiable image warps, on the CPU and in NumPy."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from stn_numba.grid import (
    BasisGrid,
    DenseGrid,
    Grid,
    MatrixGrid,
    base_points,
    grid_from_pixel_matrix,
    to_normalized,
    to_pixels,
)
from stn_numba.sampler import sample, sample_vjp
from stn_numba.threads import get_num_threads, limit_threads, set_num_threads
from stn_numba.transform.base import LinearTransform, MatrixTransform, Transform
from stn_numba.transform.registry import PluginError, available_transforms, get_transform, register_transform
from stn_numba.warp import warp

if TYPE_CHECKING:
    from stn_numba import data, models, nn, plot, testing
    from stn_numba.nn.saving.model_file import load, save
    from stn_numba.nn.training.fit import fit

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
    "available_transforms",
    "base_points",
    "data",
    "fit",
    "get_num_threads",
    "get_transform",
    "grid_from_pixel_matrix",
    "limit_threads",
    "load",
    "models",
    "nn",
    "plot",
    "register_transform",
    "sample",
    "sample_vjp",
    "save",
    "set_num_threads",
    "testing",
    "to_normalized",
    "to_pixels",
    "warp",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the program sets logging up

# Training and the rest are loaded when they are first asked for: a pipeline that only warps never pays for them.
_ROOMS = ("data", "models", "nn", "plot", "testing")
_FROM_ROOMS = {"fit": "nn.training.fit", "load": "nn.saving.model_file", "save": "nn.saving.model_file"}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"stn_numba.{name}")
    if name in _FROM_ROOMS:
        return getattr(importlib.import_module(f"stn_numba.{_FROM_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
