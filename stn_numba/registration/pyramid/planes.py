"""Convert images, volumes and masks to what registration works with: planes of float32 with mean 0 and deviation 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array

__all__ = ["Planes", "as_planes", "as_stack"]

Planar = NDArray[np.float32]

_MAX_CHANNELS = 16  # more are probably frames
_FLAT = 8.0  # roundings of its mean by which a flat image may deviate
_SIZES = {2: "H, W", 3: "D, H, W"}
_FOR_VOLUMES = "a transform with ndim=3, as get_transform('affine', ndim=3)"


@dataclass(frozen=True)
class Planes:
    """N images of C channels as planes (N, C, H, W); volumes as (N, C, D, H, W).

    Attributes
    ----------
    values : ndarray, (N, C, H, W) or (N, C, D, H, W), float32
        Standardized: ``(image - mean) / deviation``. Pixels without weight have the value of the nearest one that has.
    weight : ndarray, (N, H, W) or (N, D, H, W), float32, or None
        0 for pixels that a mask excludes or that are not finite, else 1; None if all count.
    mean, deviation : ndarray, (N, C)
        Of the image. The deviation of a flat image is 0, and its values are 0.
    """

    values: Planar
    weight: Planar | None
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (D, H, W)."""
        return self.values.shape[2:]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.intp]) -> Planes:
        """Some of the images."""
        weight = None if self.weight is None else self.weight[rows]
        return Planes(self.values[rows], weight, self.mean[rows], self.deviation[rows])

    def with_units_of(self, other: Planes) -> Planes:
        """The same images, standardized by the mean and the deviation of another."""
        deviation = np.where(other.deviation > 0, other.deviation, 1.0)
        gain, bias = self.deviation / deviation, (self.mean - other.mean) / deviation
        values = (self.values * _spread(gain, self.values) + _spread(bias, self.values)).astype(np.float32)
        return Planes(values, self.weight, np.broadcast_to(other.mean, gain.shape), np.broadcast_to(deviation, gain.shape))

    def average(self, total: NDArray[Any], shown: NDArray[Any]) -> Planes:
        """One image from sums of images (C, H, W), and how many show each pixel (H, W); where none does there is no weight."""
        values = (total / np.maximum(shown, 1)).astype(np.float32)
        weight = None if shown.all() else (shown > 0).astype(np.float32)[None]
        return Planes(values[None], weight, self.mean.mean(axis=0)[None], self.deviation.mean(axis=0)[None])


def as_planes(image: ArrayLike, mask: ArrayLike | None, name: str, ndim: int = 2) -> Planes:
    """Return one image (H, W) or (H, W, C), or with ``ndim=3`` one volume (D, H, W) or (D, H, W, C), as planes.

    Raises
    ------
    TypeError
        If the image does not hold real numbers.
    ValueError
        If it has another number of axes, no pixels, or the mask does not have its height and width.
    """
    given, sizes = _numbers(image, name), _SIZES[ndim]
    volumes = f", and volumes (D, H, W) take {_FOR_VOLUMES}" if ndim == 2 else ""
    if given.ndim not in (ndim, ndim + 1):
        hint = f"; a stack of frames goes to `register_stack`{volumes}" if given.ndim == 4 else ""
        raise ValueError(f"{name}: expected ({sizes}) or ({sizes}, C), got {given.shape}{hint}")
    if given.ndim > ndim and given.shape[-1] > _MAX_CHANNELS:
        raise ValueError(
            f"{name}: expected ({sizes}, C) with at most {_MAX_CHANNELS} channels, got {given.shape}; "
            f"a stack of frames (N, {sizes}) goes to `register_stack`{volumes}"
        )
    planes = given[None] if given.ndim == ndim else np.moveaxis(given, -1, 0)
    return _standardized(planes[None], _mask(mask, given.shape[:ndim], name), name)


def as_stack(frames: ArrayLike, masks: ArrayLike | None, ndim: int = 2) -> Planes:
    """Return frames (N, H, W) or (N, H, W, C) as planes; `masks` are (H, W) for all or (N, H, W). Volumes have a D before H.

    Raises
    ------
    TypeError, ValueError
        As `as_planes`.
    """
    given, sizes = _numbers(frames, "frames"), _SIZES[ndim]
    if given.ndim not in (ndim + 1, ndim + 2):
        raise ValueError(f"frames: expected (N, {sizes}) or (N, {sizes}, C), got {given.shape}")
    planes = given[:, None] if given.ndim == ndim + 1 else np.moveaxis(given, -1, 1)
    shape: tuple[int, ...] = given.shape[1 : ndim + 1]
    if masks is not None and np.ndim(masks) == ndim + 1:
        shape = (len(given), *shape)
    return _standardized(planes, _mask(masks, shape, "frames"), "frames")


def _numbers(image: ArrayLike, name: str) -> NDArray[Any]:
    given = as_array(image, name)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected real numbers, got dtype {given.dtype}")
    return given


def _mask(mask: ArrayLike | None, shape: tuple[int, ...], name: str) -> NDArray[np.bool_] | None:
    """Where a mask is true: where pixels count."""
    if mask is None:
        return None
    given = as_array(mask, f"{name}_mask")
    if given.shape != shape:
        raise ValueError(f"{name}_mask: expected {shape}, as {name} has, got {given.shape}")
    if given.dtype.kind not in "biu":
        raise TypeError(f"{name}_mask: expected a mask of bool, True where pixels count, got dtype {given.dtype}")
    result: NDArray[np.bool_] = given != 0
    return result


def _standardized(planes: NDArray[Any], mask: NDArray[np.bool_] | None, name: str) -> Planes:
    """Planes of numbers (N, C, H, W) or (N, C, D, H, W) with mean 0 and deviation 1, and their weights."""
    if 0 in planes.shape:
        raise ValueError(f"{name}: expected at least one pixel, got (N, C, {_SIZES[planes.ndim - 2]}) = {planes.shape}")
    exact = planes.dtype in (np.uint8, np.int8, np.uint16, np.int16, np.float16, np.float32, np.bool_)
    values: NDArray[Any] = np.ascontiguousarray(planes, np.float32 if exact else np.float64)
    # along rows as NumPy sums fast, then exactly
    lines: NDArray[Any] = values.mean(axis=-1)
    valid = None
    axes = tuple(range(2, values.ndim))
    mean = lines.mean(axis=axes[:-1], dtype=np.float64)
    if mask is not None or not np.isfinite(mean).all():
        valid = np.isfinite(values).all(axis=1) & (True if mask is None else mask)
        count = np.maximum(valid.sum(axis=tuple(range(1, valid.ndim))), 1)[:, None]
        values = np.where(valid[:, None], values, 0)
        mean = values.sum(axis=axes, dtype=np.float64) / count
        values = np.where(valid[:, None], values - _spread(mean, values), 0)
    else:
        count = np.full((len(values), 1), math.prod(values.shape[2:]))
        values = values - _spread(mean, values).astype(values.dtype)
    deviation = np.sqrt(_squares(values) / count)
    deviation = np.where(deviation > _FLAT * np.finfo(values.dtype).eps * np.abs(mean), deviation, 0.0)
    if valid is not None:
        values = _filled(values, valid)
    inverse = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    values *= _spread(inverse, values).astype(values.dtype)
    return Planes(values.astype(np.float32, copy=False), None if valid is None else valid.astype(np.float32), mean, deviation)


def _filled(values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Give pixels that do not count the value of the nearest one that does: filters and splines then see no edge."""
    from scipy import ndimage

    for planes, counted in zip(values, valid, strict=True):
        if counted.any() and not counted.all():
            nearest = ndimage.distance_transform_edt(~counted, return_distances=False, return_indices=True)
            planes[:] = planes[(slice(None), *nearest)]
    return values


def _squares(values: NDArray[Any]) -> NDArray[np.float64]:
    """(N, C): the sum of squares of each plane."""
    rows: NDArray[Any] = np.einsum("nc...w,nc...w->nc...", values, values)  # not np.dot: BLAS would start threads
    result: NDArray[np.float64] = rows.sum(axis=tuple(range(2, rows.ndim)), dtype=np.float64)
    return result


def _spread(numbers: NDArray[np.float64], planes: NDArray[Any]) -> NDArray[Any]:
    """Numbers (N, C) with axes of length 1, as many as planes have."""
    return numbers.reshape(*numbers.shape, *(1,) * (planes.ndim - 2))
