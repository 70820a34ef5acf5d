"""The sampler's kernels, and the words by which they know images, grids, kernels and paddings: see `kernels.signature`."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel

__all__ = ["Words", "gradient_entry", "image_words", "nearest_entry", "reach_entry", "sample_entry", "working_dtype"]

Array = NDArray[Any]

_SAMPLE, _GRADIENT = kernel("kernels.sampling.forward", "sample"), kernel("kernels.gradients.backward", "gradient")
_NEAREST, _REACH = kernel("kernels.sampling.nearest", "nearest"), kernel("kernels.gradients.backward", "tile_y_ranges")

_AXIS, _TABLE = ("float",) * 9, ("int",) * 4
_SOURCE = (*("int",) * 8, ("int",) * 3, "int", (("float",) * 4,) * 2, "int")
_RULE = ("int", "int", _AXIS, _AXIS, _TABLE, _TABLE, "int", "int")
_STEPS, _SIZE = ("int",) * 2, ("int",) * 4


# Which word of a job of the forward pass is what, behind that for what went wrong and the number of tasks.
IMAGE_WORD, KIND_WORD, POSITIONS_WORD, MATRIX_WORD, COEFFICIENTS_WORD, OUT_WORD = 2, 7, 8, 14, 18, 64


class Words(NamedTuple):
    """The words of a grid, or of a kernel and its padding, and the arrays that they point to."""

    words: tuple[Any, ...]
    held: tuple[Array, ...]


def _image(dtype: str) -> tuple[str, ...]:
    return ("int", f"like {dtype}", *("int",) * 4)


@functools.cache
def sample_entry(image: np.dtype[Any], out: np.dtype[Any], working: np.dtype[Any]) -> Entry:
    """Words: tasks, image, source, rule, steps, size, out; image and out each their address and steps."""
    zero = f"like {working.name}"
    return _SAMPLE.entry(("int", _image(image.name), _SOURCE, _RULE, _STEPS, _SIZE, zero, _image(out.name)))


@functools.cache
def gradient_entry(dtype: np.dtype[Any]) -> Entry:
    """Words: tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, d_out, d_image, d_total, and so on."""
    image = _image(dtype.name)
    wanted, last = ("bool", "bool"), ("int", "int", ("int", "int"), "int")
    head = ("int", "int", "int", *wanted, image, _SOURCE, _RULE, _STEPS, _SIZE, f"like {dtype.name}")
    return _GRADIENT.entry((*head, image, image, _image("float64"), *last))


@functools.cache
def reach_entry() -> Entry:
    """Words: tasks, source, grids, shape of the output, address of the result."""
    return _REACH.entry(("int", _SOURCE, "int", ("int", "int"), "int"))


@functools.cache
def nearest_entry(unit: np.dtype[Any]) -> Entry:
    """Words: tasks, image, source, axes, steps, size, units of an item, outside, out."""
    image = _image(unit.name)
    return _NEAREST.entry(("int", image, _SOURCE, (_AXIS, _AXIS), _STEPS, _SIZE, "int", "int", image))


def working_dtype(image: np.dtype[Any]) -> np.dtype[Any]:
    """The floats in which the numbers of an image are computed."""
    return _WIDE if image in (np.float64, np.int32) else _NARROW


_NARROW, _WIDE = np.dtype(np.float32), np.dtype(np.float64)


def image_words(array: Array) -> tuple[int, ...]:
    """Address and steps of an array (N, H, W, C)."""
    return (address_of(array), *array.strides)
