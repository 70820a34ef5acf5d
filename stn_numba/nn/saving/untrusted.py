"""A model from a description and tensors that are not trusted: nothing larger than the tensors is ever allocated for it.

Control points of a spline are counted, since its memory grows with their square. What another transform makes of its options
cannot be bounded from here.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Arrays
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.saving.architecture import build

__all__ = ["rebuild"]

_MOST_PIXELS = 1 << 26  # an image larger than this is taken for a lie
_MOST_CONTROL_POINTS = 1024
_MOST_BASIS = 1 << 26  # values of all basis functions of a spline at all output pixels


def rebuild(architecture: dict[str, Any], tensors: Arrays) -> Classifier:
    """Build the model of a description, check that every tensor has its place and shape, and put it there."""
    dtype = architecture["dtype"]
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")
    input_shape = _image_size("input_shape", architecture["input_shape"], 3)
    if not isinstance(architecture["layers"], list):
        raise TypeError(f"layers: expected a list, got {architecture['layers']!r:.60}")
    _check_shapes(architecture, input_shape)
    network = build({"layer": "Chain", "layers": architecture["layers"]})
    assert isinstance(network, Chain)
    network.initialize(input_shape, cast(Any, _Allowance(sum(array.size for array in tensors.values()))), dtype)
    model = Classifier(network, cast(Any, input_shape), architecture["n_classes"], dtype=dtype)
    if set(model.params) != set(tensors):
        odd = sorted(set(model.params) ^ set(tensors))
        raise ValueError(f"tensors: expected those of the architecture; {odd[0]!r} is missing or too many")
    for name, array in model.params.items():
        if (tensors[name].shape, tensors[name].dtype) != (array.shape, array.dtype):
            raise ValueError(
                f"tensor {name!r}: expected {array.dtype} {array.shape}, got {tensors[name].dtype} {tensors[name].shape}"
            )
        array[...] = tensors[name]
    model.trained_on(_pixels(architecture.get("pixels")))
    return model


def _pixels(described: Any) -> PixelRange | None:
    """Range of the pixels that the model was trained on; older files, and models that were not trained, have none."""
    if described is None:
        return None
    if not isinstance(described, dict) or set(described) != {"low", "high", "kind"}:
        raise ValueError(f"pixels: expected low, high and kind, got {described!r:.60}")
    return PixelRange(**described)


class _Allowance:
    """Stands in for the generator of initial parameters, and hands out no more of them than the file holds."""

    def __init__(self, values: int) -> None:
        self.values = self.left = values

    def standard_normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        self.left -= math.prod(shape)
        if self.left < 0:
            raise ValueError(f"architecture: promises more than the {self.values} values that the file holds")
        return np.zeros(shape)


def _check_shapes(layer: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse absurd output shapes and control points of transformers, at any depth.

    `shape` is the size of what goes in, and returned is the size of what comes out, or one that is not smaller.
    """
    localisation = layer.get("localisation")
    if isinstance(localisation, dict):
        _check_shapes(localisation, shape)
    if layer.get("shape") is not None:
        shape = (*_image_size("shape", layer["shape"], 2), *shape[2:])
    if isinstance(layer.get("options"), dict):
        _check_control_points(layer["options"].get("control_points"), math.prod(shape[:2]))
    inside = [inner for inner in layer.get("layers", ()) if isinstance(inner, dict)]
    if layer.get("layer") == "Parallel":
        return _side_by_side([_check_shapes(inner, shape) for inner in inside])
    for inner in inside:
        shape = _check_shapes(inner, shape)
    return shape


def _side_by_side(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the largest of the shapes with as many times its channels as there are shapes."""
    largest = max(shapes, key=math.prod, default=(1,))
    joined = (*largest[:-1], largest[-1] * len(shapes))
    if math.prod(joined) > _MOST_PIXELS:
        raise ValueError(f"Parallel: expected at most {_MOST_PIXELS} values an image, got {joined}")
    return joined


def _check_control_points(points: Any, pixels: int) -> None:
    """Refuse more control points, given as (rows, columns) or as a list, than a spline is ever made of."""
    if not isinstance(points, list):
        return
    counts = len(points) == 2 and all(isinstance(n, int | float) for n in points)
    most = min(_MOST_CONTROL_POINTS, _MOST_BASIS // max(pixels, 1))
    number = abs(points[0] * points[1]) if counts else len(points)
    if not number <= most:
        raise ValueError(f"control_points: expected at most {most} for {pixels} output pixels, got {number}")


def _image_size(name: str, value: Any, length: int) -> tuple[int, ...]:
    """Return a list of whole numbers as the size of an image."""
    if not isinstance(value, list) or len(value) != length or not all(type(n) is int and n > 0 for n in value):
        raise ValueError(f"{name}: expected {length} whole numbers, got {value!r:.60}")
    if math.prod(value) > _MOST_PIXELS:
        raise ValueError(f"{name}: expected at most {_MOST_PIXELS} values an image, got {value}")
    return tuple(value)
