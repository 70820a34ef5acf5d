"""The sampler's kernels, and their arguments as machine words: see `kernels.signature`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.kernel_words import KernelWords
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.sampler.padding import axis_rule

__all__ = [
    "IMAGE_WORD",
    "OUT_WORD",
    "SOURCE_WORD",
    "gradient_entry",
    "image_words",
    "nearest_entry",
    "reach_entry",
    "rule_words",
    "sample_entry",
    "working_dtype",
]

Array = NDArray[Any]

_SAMPLE, _GRADIENT = kernel("kernels.sampling.forward", "sample"), kernel("kernels.gradients.backward", "gradient")
_NEAREST, _REACH = kernel("kernels.sampling.nearest", "nearest"), kernel("kernels.gradients.backward", "tile_y_ranges")

_AXIS, _TABLE = ("float",) * 9, ("int",) * 4
_SOURCE = (*("int",) * 8, ("int",) * 3, "int", (("float",) * 4,) * 2, "int")
_RULE = ("int", "int", _AXIS, _AXIS, _TABLE, _TABLE, "int", "int")
_BATCH_STEPS, _OUT_SHAPE = ("int",) * 2, ("int",) * 4

# Where image, grid and output begin in a job of `sample`, which starts with an error code and the number of tasks.
IMAGE_WORD, SOURCE_WORD, OUT_WORD = 2, 7, 64

_NARROW, _WIDE = np.dtype(np.float32), np.dtype(np.float64)


def _image(dtype: str) -> tuple[str, ...]:
    return ("int", f"like {dtype}", *("int",) * 4)


@functools.cache
def sample_entry(image: np.dtype[Any], out: np.dtype[Any], working: np.dtype[Any]) -> Entry:
    """Words: tasks, image, source, rule, batch steps, output shape, out; image and out each their address and strides."""
    zero = f"like {working.name}"
    return _SAMPLE.entry(("int", _image(image.name), _SOURCE, _RULE, _BATCH_STEPS, _OUT_SHAPE, zero, _image(out.name)))


@functools.cache
def gradient_entry(dtype: np.dtype[Any]) -> Entry:
    """Words: see `backward.pass_words`."""
    image = _image(dtype.name)
    wanted, last = ("bool", "bool"), ("int", "int", ("int", "int"), "int")
    head = ("int", "int", "int", *wanted, image, _SOURCE, _RULE, _BATCH_STEPS, _OUT_SHAPE, f"like {dtype.name}")
    return _GRADIENT.entry((*head, image, image, _image("float64"), *last))


@functools.cache
def reach_entry() -> Entry:
    """Words: tasks, source, grids, shape of the output, address of the result."""
    return _REACH.entry(("int", _SOURCE, "int", ("int", "int"), "int"))


@functools.cache
def nearest_entry(unit: np.dtype[Any]) -> Entry:
    """Words: tasks, image, source, axes, batch steps, output shape, units of an item, fill, out."""
    image = _image(unit.name)
    return _NEAREST.entry(("int", image, _SOURCE, (_AXIS, _AXIS), _BATCH_STEPS, _OUT_SHAPE, "int", "int", image))


def working_dtype(image: np.dtype[Any]) -> np.dtype[Any]:
    """The float dtype in which kernels compute with an image."""
    return _WIDE if image in (np.float64, np.int32) else _NARROW


def image_words(array: Array) -> tuple[int, ...]:
    """Address and strides of an array (N, H, W, C)."""
    return (address_of(array), *array.strides)


def rule_words(
    image: Array, kernel: tuple[Any, ...], padding: str, align_corners: bool, fill: tuple[Array, int]
) -> KernelWords:
    """An interpolation kernel and a padding for an image, as `kernels.sampling.workspace.Sampler` describes them.

    `kernel` is what `kernel_rule`, `fill` what `fill_rule` returns.
    """
    (family, K, table, slope_table, even), (values, mode) = kernel, fill
    x, y = (axis_rule(image.shape[k], image.strides[k], padding, align_corners, family, K, even) for k in (2, 1))
    words = family, K, *x, *y, *_table_words(table), *_table_words(slope_table), address_of(values), mode
    return KernelWords(words, (table, slope_table, values))


def _table_words(table: Array) -> tuple[int, int, int, int]:
    """A table of polynomial pieces, as `kernels.sampling.polynomial` reads it."""
    pieces, columns, terms = table.shape
    return (address_of(table), pieces, columns - 1, terms) if table.size else (0, 0, 0, 0)
