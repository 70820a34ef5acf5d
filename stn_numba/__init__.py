"""Spatial transformer networks and fast, differentiable image warps on the CPU, for NumPy arrays."""

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
from stn_numba.sampler import sample, sample_gradients, sample_vjp
from stn_numba.threads import get_num_threads, limit_threads, set_num_threads
from stn_numba.transform import LatticeTransform, LinearTransform, MatrixTransform, Transform
from stn_numba.transform.bounded import bounded
from stn_numba.transform.compose import compose
from stn_numba.transform.registry import PluginError, available_transforms, get_transform, register_transform
from stn_numba.warp import warp

if TYPE_CHECKING:
    from stn_numba import data, models, nn, plot, testing
    from stn_numba.grid.geometry import ImageGeometry
    from stn_numba.nn.saving.model_file import load, save
    from stn_numba.nn.training.fit import fit
    from stn_numba.notebook.explore import explore
    from stn_numba.onnx.export import export_onnx
    from stn_numba.registration import Registration, register, register_stack
    from stn_numba.resampling import resample

__version__ = "0.2.0"

__all__ = [
    "BasisGrid",
    "DenseGrid",
    "Grid",
    "ImageGeometry",
    "LatticeTransform",
    "LinearTransform",
    "MatrixGrid",
    "MatrixTransform",
    "PluginError",
    "Registration",
    "Transform",
    "available_transforms",
    "base_points",
    "bounded",
    "compose",
    "data",
    "explore",
    "export_onnx",
    "fit",
    "get_num_threads",
    "get_transform",
    "grid_from_pixel_matrix",
    "limit_threads",
    "load",
    "models",
    "nn",
    "plot",
    "register",
    "register_stack",
    "register_transform",
    "resample",
    "sample",
    "sample_gradients",
    "sample_vjp",
    "save",
    "set_num_threads",
    "testing",
    "to_normalized",
    "to_pixels",
    "warp",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the program configures logging

# Imported at first use, so that a pipeline that only warps does not wait for them.
_MODULES = ("data", "models", "nn", "plot", "testing")
_NAMES = {
    "ImageGeometry": "grid.geometry",
    "Registration": "registration",
    "explore": "notebook.explore",
    "export_onnx": "onnx.export",
    "fit": "nn.training.fit",
    "load": "nn.saving.model_file",
    "register": "registration",
    "register_stack": "registration",
    "resample": "resampling",
    "save": "nn.saving.model_file",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"stn_numba.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"stn_numba.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
