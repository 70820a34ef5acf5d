"""A model from a description and tensors that are not trusted: nothing larger than the tensors is ever allocated for it.

The one thing that cannot be bounded from here is what a transform makes of its options.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.architecture import build
from stn_numba.nn.chain import Chain
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.layer import Arrays

__all__ = ["rebuild"]

_MOST_PIXELS = 1 << 26  # an image larger than this is taken for a lie


def rebuild(architecture: dict[str, Any], tensors: Arrays) -> Classifier:
    """Build the model of a description, check that every tensor has its place and shape, and put it there."""
    dtype = architecture["dtype"]
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")
    input_shape = _image_size("input_shape", architecture["input_shape"], 3)
    if not isinstance(architecture["layers"], list):
        raise TypeError(f"layers: expected a list, got {architecture['layers']!r:.60}")
    _check_shapes(architecture)
    network = build({"layer": "Chain", "layers": architecture["layers"]})
    assert isinstance(network, Chain)
    network.initialise(input_shape, cast(Any, _Allowance(sum(array.size for array in tensors.values()))), dtype)
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
    return model


class _Allowance:
    """Stands in for the generator of initial parameters, and hands out no more of them than the file holds."""

    def __init__(self, values: int) -> None:
        self.values = self.left = values

    def standard_normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        self.left -= math.prod(shape)
        if self.left < 0:
            raise ValueError(f"architecture: promises more than the {self.values} values that the file holds")
        return np.zeros(shape)


def _check_shapes(layer: dict[str, Any]) -> None:
    """Refuse absurd output shapes of transformers, at any depth."""
    if layer.get("shape") is not None:
        _image_size("shape", layer["shape"], 2)
    for inner in (*layer.get("layers", ()), layer.get("localisation")):
        if isinstance(inner, dict):
            _check_shapes(inner)


def _image_size(name: str, value: Any, length: int) -> tuple[int, ...]:
    """Return a list of whole numbers as the size of an image."""
    if not isinstance(value, list) or len(value) != length or not all(type(n) is int and n > 0 for n in value):
        raise ValueError(f"{name}: expected {length} whole numbers, got {value!r:.60}")
    if math.prod(value) > _MOST_PIXELS:
        raise ValueError(f"{name}: expected at most {_MOST_PIXELS} values an image, got {value}")
    return tuple(value)
