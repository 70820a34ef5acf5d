"""Rebuild a model from a description and tensors that are not trusted: nothing larger than the tensors is allocated for it.

The exception are splines whose memory grows with the square of their control points, so these are limited. What another
transform makes of its options, and a layer that users have registered, cannot be limited here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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
from stn_numba.transform import registry
from stn_numba.transform.lattice import LatticeTransform

__all__ = ["arrays_by_tensor", "rebuild"]

_STATE = "state."  # before the names of state: no parameter of a chain begins so, since names of its layers end in a number

_MAX_PIXELS = 1 << 26  # a larger image is rejected as implausible
_MAX_SPLINE_BYTES = 1 << 30  # that it may take to make a spline
_BYTES_OF_A_PAIR = 48  # of control points: six matrices of float64, as a thin-plate spline needs to solve for its weights
_LATTICES = ("control_points", "shape")  # options that say how many displacements, each of some numbers of theta


def rebuild(architecture: dict[str, Any], tensors: Arrays) -> Model:
    """Return the model of a description with the tensors as its arrays, after a check of their names and shapes."""
    dtype = architecture["dtype"]
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")
    input_shape = _image_size("input_shape", architecture["input_shape"], (3, 4))
    if not isinstance(architecture["layers"], list):
        raise TypeError(f"layers: expected a list, got {architecture['layers']!r:.60}")
    held = sum(array.size for array in tensors.values())
    _check_shapes(architecture, input_shape, held)
    network = build({"layer": "Chain", "layers": architecture["layers"]})
    assert isinstance(network, Chain)
    network.initialize(input_shape, cast(Any, _Allowance(held)), dtype)
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


def _check_shapes(layer: dict[str, Any], shape: tuple[int, ...], held: int) -> tuple[int, ...]:
    """Reject implausible output shapes and control points of transformers, at any depth.

    `shape` is the size of the layer's input; returned is that of its output, or one that is not smaller. The file holds `held`
    values.
    """
    for inner in layer.values():  # a localisation network, or a layer inside one that a user has registered
        if is_described(inner):
            _check_shapes(inner, shape, held)
    if layer.get("shape") is not None:
        shape = (*_image_size("shape", layer["shape"], (2, 3)), *shape[-1:])
    for name, options in _named_options([layer.get("transform"), layer.get("options")]):
        _check_splines(name, options, held)
    inside = [inner for inner in layer.get("layers", ()) if isinstance(inner, dict)]
    if layer.get("layer") not in ("Parallel", "Heads"):
        for inner in inside:
            shape = _check_shapes(inner, shape, held)
        return shape
    largest = max((_check_shapes(inner, shape, held) for inner in inside), key=math.prod, default=(1,))
    joined = (*largest[:-1], largest[-1] * len(inside))
    if math.prod(joined) > _MAX_PIXELS:
        raise ValueError(f"{layer['layer']}: expected at most {_MAX_PIXELS} values an image, got {joined}")
    return joined


def _named_options(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names of transforms with their options, at any depth: those of a composition are pairs in a list."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict):
        yield value[0], value[1]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for inner in inside:
        yield from _named_options(inner)


def _check_splines(transform: str, options: dict[str, Any], held: int) -> None:
    """Reject more control points than the file has parameters for, or than memory should hold their pairs."""
    most_pairs = math.isqrt(_MAX_SPLINE_BYTES // _BYTES_OF_A_PAIR)
    for name in _LATTICES:
        count, axes = _count(options.get(name))
        if not count * axes <= held:
            raise ValueError(f"{name}: expected at most {held // axes}, as the file holds {held} values, got {count}")
        if not count <= most_pairs and not registry.makes(transform, LatticeTransform):
            raise ValueError(
                f"{name}: expected at most {most_pairs}, as a {transform!r} of more may take over "
                f"{_MAX_SPLINE_BYTES >> 20} MiB, got {count}"
            )


def _count(points: Any) -> tuple[float, int]:
    """How many points a list stands for, that is (rows, columns), (planes, rows, columns) or one of points; and their axes."""
    if not isinstance(points, list):
        return 0, 2
    if len(points) in (2, 3) and all(isinstance(size, int | float) for size in points):
        return abs(math.prod(points)), len(points)
    return len(points), 2


def _image_size(name: str, value: Any, lengths: tuple[int, int]) -> tuple[int, ...]:
    """Return a list of integers as the size of an image, or of a volume."""
    if not isinstance(value, list) or len(value) not in lengths or not all(type(n) is int and n > 0 for n in value):
        raise ValueError(f"{name}: expected {lengths[0]} whole numbers, or {lengths[1]} of a volume, got {value!r:.60}")
    if math.prod(value) > _MAX_PIXELS:
        raise ValueError(f"{name}: expected at most {_MAX_PIXELS} values an image, got {value}")
    return tuple(value)
