"""Rebuild a model from a description and tensors that are not trusted: nothing larger than the tensors is allocated for it.

The memory of a spline grows with the square of its control points, so these are limited. What another transform makes of its
options, and a layer that users have registered, cannot be limited here.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Arrays
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.model.base import Model
from stn_numba.nn.saving.architecture import build, is_described
from stn_numba.nn.saving.model_kinds import make_model

__all__ = ["arrays_by_tensor", "rebuild"]

_STATE = "state."  # before the names of state: no parameter of a chain begins so, since names of its layers end in a number

_MAX_PIXELS = 1 << 26  # a larger image is rejected as implausible
_MAX_CONTROL_POINTS = 1024
_MAX_BASIS = 1 << 26  # values of all basis functions of a spline at all output pixels


def rebuild(architecture: dict[str, Any], tensors: Arrays) -> Model:
    """Return the model of a description with the tensors as its arrays, after a check of their names and shapes."""
    dtype = architecture["dtype"]
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")
    input_shape = _image_size("input_shape", architecture["input_shape"], (3, 4))
    if not isinstance(architecture["layers"], list):
        raise TypeError(f"layers: expected a list, got {architecture['layers']!r:.60}")
    _check_shapes(architecture, input_shape)
    network = build({"layer": "Chain", "layers": architecture["layers"]})
    assert isinstance(network, Chain)
    network.initialize(input_shape, cast(Any, _Allowance(sum(array.size for array in tensors.values()))), dtype)
    model = make_model(architecture, network, input_shape, dtype)
    arrays = arrays_by_tensor(model.network)
    if set(arrays) != set(tensors):
        odd = sorted(set(arrays) ^ set(tensors))
        raise ValueError(f"tensors: expected those of the architecture; {odd[0]!r} is missing or too many")
    for name, array in arrays.items():
        tensor = tensors[name]
        if (tensor.shape, tensor.dtype) != (array.shape, array.dtype):
            raise ValueError(f"tensor {name!r}: expected {array.dtype} {array.shape}, got {tensor.dtype} {tensor.shape}")
        array[...] = tensor
    pixels = architecture.get("pixels")  # None for models that were not trained
    if pixels is not None and (not isinstance(pixels, dict) or set(pixels) != {"low", "high", "kind"}):
        raise ValueError(f"pixels: expected low, high and kind, got {pixels!r:.60}")
    model.trained_on(None if pixels is None else PixelRange(**pixels))
    return model


def arrays_by_tensor(network: Layer) -> Arrays:
    """Return the arrays of a network by the names of their tensors: parameters by their own, state with ``state.`` before."""
    return {**network.params, **{_STATE + name: array for name, array in network.state.items()}}


class _Allowance:
    """Stands in for the generator of initial parameters, and returns no more of them than the file contains."""

    def __init__(self, values: int) -> None:
        self.values = self.left = values

    def standard_normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        self.left -= math.prod(shape)
        if self.left < 0:
            raise ValueError(f"architecture: promises more than the {self.values} values that the file holds")
        return np.zeros(shape)


def _check_shapes(layer: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Reject implausible output shapes and control points of transformers, at any depth.

    `shape` is the size of the layer's input; returned is that of its output, or one that is not smaller.
    """
    for inner in layer.values():  # a localisation network, or a layer inside one that a user has registered
        if is_described(inner):
            _check_shapes(inner, shape)
    if layer.get("shape") is not None:
        shape = (*_image_size("shape", layer["shape"], (2, 3)), *shape[-1:])
    if isinstance(layer.get("options"), dict):
        _check_control_points(layer["options"].get("control_points"), math.prod(shape[:-1]))
    inside = [inner for inner in layer.get("layers", ()) if isinstance(inner, dict)]
    if layer.get("layer") not in ("Parallel", "Heads"):
        for inner in inside:
            shape = _check_shapes(inner, shape)
        return shape
    largest = max((_check_shapes(inner, shape) for inner in inside), key=math.prod, default=(1,))
    joined = (*largest[:-1], largest[-1] * len(inside))
    if math.prod(joined) > _MAX_PIXELS:
        raise ValueError(f"{layer['layer']}: expected at most {_MAX_PIXELS} values an image, got {joined}")
    return joined


def _check_control_points(points: Any, pixels: int) -> None:
    """Reject too many control points of a spline, given as (rows, columns), as (planes, rows, columns) or as a list."""
    if not isinstance(points, list):
        return
    counts = len(points) in (2, 3) and all(isinstance(n, int | float) for n in points)
    most = min(_MAX_CONTROL_POINTS, _MAX_BASIS // max(pixels, 1))
    number = abs(math.prod(points)) if counts else len(points)
    if not number <= most:
        raise ValueError(f"control_points: expected at most {most} for {pixels} output pixels, got {number}")


def _image_size(name: str, value: Any, lengths: tuple[int, int]) -> tuple[int, ...]:
    """Return a list of integers as the size of an image, or of a volume."""
    if not isinstance(value, list) or len(value) not in lengths or not all(type(n) is int and n > 0 for n in value):
        raise ValueError(f"{name}: expected {lengths[0]} whole numbers, or {lengths[1]} of a volume, got {value!r:.60}")
    if math.prod(value) > _MAX_PIXELS:
        raise ValueError(f"{name}: expected at most {_MAX_PIXELS} values an image, got {value}")
    return tuple(value)
