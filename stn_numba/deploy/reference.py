"""Reference implementation of sampling as a matrix product in NumPy (arXiv 1506.02025, equations 5 to 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.sampler.interpolation import KERNELS

__all__ = ["align_corners_points", "axis_weights", "block_means", "project", "sampling_matrix", "sampling_matrix_derivative"]

Array = NDArray[np.float64]
Weight = Callable[[Array], Array]


def sampling_matrix(points: NDArray[Any], shape: tuple[int, int], kernel: str) -> Array:
    """Return (M, H * W) weights of each pixel at M normalized positions (x, y), with zero padding."""
    return _product(points, shape, _weight(kernel), _weight(kernel))


def sampling_matrix_derivative(points: NDArray[Any], shape: tuple[int, int], axis: int) -> Array:
    """Return the derivative of the bilinear `sampling_matrix` with respect to x (`axis` 0) or y (1) of each position."""
    tent = _weight("bilinear")
    scale = (shape[1 - axis] - 1) / 2
    return scale * _product(points, shape, *((_tent_slope, tent) if axis == 0 else (tent, _tent_slope)))


def axis_weights(x: Array, size: int, kernel: str, *, slope: bool = False) -> Array:
    """Return (M, size) weights of each pixel of one axis at M positions in pixels, or the tent's derivatives by them."""
    weight = _tent_slope if slope else _weight(kernel)
    return weight(x[:, None] - np.arange(size))


def project(matrix: Array, shape: tuple[int, int], align_corners: bool) -> Array:
    """Map the normalized positions of an output's pixels by a homography (3, 3); return (h * w, 2)."""
    axes = [np.linspace(-1, 1, size) if align_corners else (2 * np.arange(size) + 1) / size - 1 for size in shape]
    y, x = np.meshgrid(*axes, indexing="ij")
    mapped = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1) @ matrix.T
    points: Array = mapped[:, :2] / mapped[:, 2:]
    return points


def align_corners_points(points: Array, shape: tuple[int, int], align_corners: bool) -> Array:
    """Convert normalized positions to ``align_corners=True``, which `sampling_matrix` expects."""
    size = np.array(shape[::-1])
    return points if align_corners else ((points + 1) * size - 1) / (size - 1) - 1


def block_means(image: Array, side: int) -> Array:
    """Return the means (h * w, C) over blocks of side x side pixels of an image (H, W, C)."""
    H, W, C = image.shape
    means: Array = image.reshape(H // side, side, W // side, side, C).mean(axis=(1, 3)).reshape(-1, C)
    return means


def _product(points: NDArray[Any], shape: tuple[int, int], along_x: Weight, along_y: Weight) -> Array:
    (H, W), (x, y) = shape, points.astype(np.float64).T
    x, y = (x + 1) / 2 * (W - 1), (y + 1) / 2 * (H - 1)
    across, down = along_x(x[:, None] - np.arange(W)), along_y(y[:, None] - np.arange(H))
    product: Array = (down[:, :, None] * across[:, None, :]).reshape(len(points), H * W)
    return product


def _weight(kernel: str) -> Weight:
    if kernel == "nearest":
        return lambda d: (np.abs(d) < 0.5).astype(np.float64)
    if kernel == "bilinear":
        return lambda d: np.maximum(0, 1 - np.abs(d))
    return KERNELS[kernel]()


def _tent_slope(d: Array) -> Array:
    return np.where(np.abs(d) < 1, -np.sign(d), 0.0)
