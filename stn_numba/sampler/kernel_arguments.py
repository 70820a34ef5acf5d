"""The sampler's kernels, and their arguments as machine words: see `kernels.signature`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.kernel_words import KernelWords
from stn_numba.kernels.runtime import cpu
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
    "volume_gradient_entry",
    "window_positions_entry",
    "working_dtype",
]

Array = NDArray[Any]

# For images and for volumes, by their number of axes.
_SAMPLE = {2: kernel("kernels.sampling.forward", "sample"), 3: kernel("kernels.volumes.forward", "sample")}
_NEAREST = {2: kernel("kernels.sampling.nearest", "nearest"), 3: kernel("kernels.volumes.nearest", "nearest")}
_GRADIENT, _REACH = kernel("kernels.gradients.backward", "gradient"), kernel("kernels.gradients.backward", "tile_y_ranges")
_VOLUME_GRADIENT = kernel("kernels.volumes.backward", "gradient")
_WINDOW = {
    2: kernel("kernels.sampling.window_positions", "window_positions"),
    3: kernel("kernels.volumes.window_positions", "window_positions"),
}

_AXIS, _TABLE = ("float",) * 9, ("int",) * 4
_SOURCE = {
    2: (*("int",) * 8, ("int",) * 3, "int", (("float",) * 4,) * 2, "int"),
    3: (*("int",) * 9, ("int",) * 3, "int", (("float",) * 3,) * 3, "int", "int"),
}
_RULE = {axes: ("int", "int", *(_AXIS,) * axes, _TABLE, _TABLE, "int", "int", "int") for axes in (2, 3)}
_BATCH_STEPS = ("int",) * 2

# Where image, grid and output begin in a job of `sample`, which starts with an error code and the number of tasks.
IMAGE_WORD, SOURCE_WORD, OUT_WORD = 2, 7, 65

_NARROW, _WIDE = np.dtype(np.float32), np.dtype(np.float64)


def _image(dtype: str, axes: int = 2) -> tuple[str, ...]:
    return ("int", f"like {dtype}", *("int",) * (axes + 2))


def _out_shape(axes: int) -> tuple[str, ...]:
    return ("int",) * (axes + 2)


@functools.cache
def sample_entry(image: np.dtype[Any], out: np.dtype[Any], working: np.dtype[Any], axes: int = 2) -> Entry:
    """Words: tasks, image, source, rule, batch steps, output shape, out; image and out each their address and strides."""
    rest = _BATCH_STEPS, _out_shape(axes), f"like {working.name}", _image(out.name, axes)
    return _SAMPLE[axes].entry(("int", _image(image.name, axes), _SOURCE[axes], _RULE[axes], *rest))


@functools.cache
def gradient_entry(dtype: np.dtype[Any]) -> Entry:
    """Words: see `backward.pass_words`."""
    image = _image(dtype.name)
    wanted, last = ("bool", "bool"), ("int", "int", ("int", "int"), "int")
    head = ("int", "int", "int", *wanted, image, _SOURCE[2], _RULE[2], _BATCH_STEPS, _out_shape(2), f"like {dtype.name}")
    return _GRADIENT.entry((*head, image, image, _image("float64"), *last))


@functools.cache
def reach_entry() -> Entry:
    """Words: tasks, source, grids, shape of the output, address of the result."""
    return _REACH.entry(("int", _SOURCE[2], "int", ("int", "int"), "int"))


@functools.cache
def volume_gradient_entry(dtype: np.dtype[Any]) -> Entry:
    """Words: see `volume_gradients`."""
    volume, head = _image(dtype.name, 3), ("int", "int", "int", "bool", "bool")
    rest = _SOURCE[3], _RULE[3], _BATCH_STEPS, _out_shape(3), f"like {dtype.name}"
    return _VOLUME_GRADIENT.entry((*head, volume, *rest, volume, volume, "int", "int"))


@functools.cache
def window_positions_entry(axes: int = 2) -> Entry:
    """Words: source, grids, first pixel and size of the window, numbers in a row, address of the result."""
    return _WINDOW[axes].entry((_SOURCE[axes], "int", ("int",) * axes, ("int",) * axes, "int", "int"))


@functools.cache
def nearest_entry(unit: np.dtype[Any], axes: int = 2) -> Entry:
    """Words: tasks, image, source, axes, batch steps, output shape, units of an item, fill, whether the CPU gathers, out."""
    image, rule = _image(unit.name, axes), (_AXIS,) * axes
    return _NEAREST[axes].entry(("int", image, _SOURCE[axes], rule, _BATCH_STEPS, _out_shape(axes), "int", "int", "int", image))


def working_dtype(image: np.dtype[Any]) -> np.dtype[Any]:
    """The float dtype in which kernels compute with an image."""
    return _WIDE if image in (np.float64, np.int32) else _NARROW


def image_words(array: Array) -> tuple[int, ...]:
    """Address and strides of an array (N, H, W, C) or (N, D, H, W, C)."""
    return (address_of(array), *array.strides)


def rule_words(
    image: Array, kernel: tuple[Any, ...], padding: str, align_corners: bool, fill: tuple[Array, int]
) -> KernelWords:
    """An interpolation kernel and a padding for an image, as `kernels.sampling.workspace.Sampler` describes them.

    `kernel` is what `kernel_rule`, `fill` what `fill_rule` returns.
    """
    (family, K, table, slope_table, even), (values, mode) = kernel, fill
    axes: list[float] = []
    for k in range(image.ndim - 2, 0, -1):  # x first
        axes += axis_rule(image.shape[k], image.strides[k], padding, align_corners, family, K, even)
    words = family, K, *axes, *_table_words(table), *_table_words(slope_table), address_of(values), mode, int(cpu.gathers())
    return KernelWords(words, (table, slope_table, values))


def _table_words(table: Array) -> tuple[int, int, int, int]:
    """A table of polynomial pieces, as `kernels.sampling.polynomial` reads it."""
    pieces, columns, terms = table.shape
    return (address_of(table), pieces, columns - 1, terms) if table.size else (0, 0, 0, 0)
