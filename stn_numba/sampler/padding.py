"""Paddings: how an image continues beyond its edges.

==============  ===========================  ===================================================================
padding         ``a b c d`` continues as     in other libraries
==============  ===========================  ===================================================================
``zeros``       ``0 0 | a b c d | 0 0``      torch, ONNX ``zeros``; SciPy ``grid-constant``
``constant``    ``f f | a b c d | f f``      OpenCV ``BORDER_CONSTANT``, with f = `fill`
``border``      ``a a | a b c d | d d``      torch, ONNX ``border``; OpenCV ``REPLICATE``; SciPy ``nearest``; NumPy ``edge``
``symmetric``   ``b a | a b c d | d c``      OpenCV ``REFLECT``; SciPy ``reflect``; NumPy ``symmetric``
``reflect101``  ``c b | a b c d | c b``      OpenCV ``REFLECT_101``; SciPy ``mirror``; NumPy ``reflect``
``reflection``  one of the two above         torch, ONNX: about centers with align_corners, about edges without
``wrap``        ``c d | a b c d | a b``      OpenCV ``WRAP``; SciPy ``grid-wrap``; NumPy ``wrap``
==============  ===========================  ===================================================================

The default is ``constant`` if you pass a `fill`, else ``zeros``.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_option
from stn_numba.kernels.constants import (
    BILINEAR,
    BORDER,
    FILL_OUTSIDE,
    FILL_TAPS,
    NEAREST,
    NO_FILL,
    REFLECT,
    REFLECT_TAPS,
    WRAP,
    ZEROS,
)

__all__ = ["PADDINGS", "axis_rule", "chosen_padding", "fill_rule"]

PADDINGS = ("zeros", "border", "reflection", "symmetric", "reflect101", "wrap", "constant")


def chosen_padding(padding: str | None, fill: ArrayLike | None) -> str:
    """Return `padding` if it is not None, else ``"constant"`` with a `fill` and ``"zeros"`` without.

    Examples
    --------
    >>> chosen_padding(None, None), chosen_padding(None, 7), chosen_padding("border", 7)
    ('zeros', 'constant', 'border')
    """
    if padding is None:
        return "zeros" if fill is None else "constant"
    return as_option(padding, "padding", PADDINGS)


@functools.lru_cache(256)
def axis_rule(size: int, step: int, padding: str, align_corners: bool, family: int, K: int, even: bool) -> tuple[float, ...]:
    """One axis of an image and its padding, as `kernels.constants` describes them.

    `step` is the stride in bytes; `family`, K and `even` (whether k(-d) = k(d)) belong to the kernel.
    """
    if padding == "reflection":
        padding = "reflect101" if align_corners else "symmetric"
    if padding == "reflect101" and size == 1:
        padding = "symmetric"  # equivalent, and the slope between a single pixel and its mirror image is 0
    reflect = REFLECT if even else REFLECT_TAPS
    mode = {"border": BORDER, "symmetric": reflect, "reflect101": reflect, "wrap": WRAP}.get(padding, ZEROS)
    first, length = {"symmetric": (-0.5, size), "wrap": (0, size)}.get(padding, (0, size - 1))
    length *= 2 if mode == REFLECT_TAPS else 1
    return (size, 0, size - 1, step, mode, first, length, *_inside(size, family, K, padding))


def _inside(size: int, family: int, K: int, padding: str) -> tuple[float, float]:
    """(inside, beyond): positions in [inside, beyond) read nothing beyond the edge."""
    if family == NEAREST:
        return -0.5, size - 0.5
    if family == BILINEAR:  # kernels clamp its taps, so that zeros beyond the edge need no check
        return (-1.0, size) if padding == "zeros" else (0.0, math.nextafter(size - 1, math.inf))
    return K // 2 - 1, size - K // 2


def fill_rule(fill: NDArray[Any] | None, padding: str, channels: int, dtype: Any) -> tuple[NDArray[Any], int]:
    """(fill (C,), mode) as `kernels.sampling.workspace.Sampler` describes them, for the result of `as_fill`."""
    if fill is None:
        return _no_fill(channels, np.dtype(dtype)), FILL_TAPS if padding == "constant" else NO_FILL
    if fill.shape not in ((), (1,), (channels,)):
        raise ValueError(f"fill: expected a number or one for each of {channels} channels, got {fill.tolist()!r:.60}")
    if np.dtype(dtype).kind in "iu" and fill.dtype.kind == "f":
        fill = np.rint(fill)  # a cast would truncate
    return np.array(np.broadcast_to(fill, channels), dtype), FILL_TAPS if padding == "constant" else FILL_OUTSIDE


@functools.lru_cache(64)
def _no_fill(channels: int, dtype: Any) -> NDArray[Any]:
    return np.zeros(channels, dtype)
