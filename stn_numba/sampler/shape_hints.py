"""Advice in errors about images and positions of the wrong shape: the call that was probably meant."""

from __future__ import annotations

from typing import Any

from stn_numba._util.arrays import as_array
from stn_numba.grid import Floats, as_floats

__all__ = ["as_positions", "axes_advice"]

Shape = tuple[int, ...]


def as_positions(grid: Any) -> Floats:
    """Return positions (N, h, w, 2), or (N, d, h, w, 3), as float32 or float64; the error suggests the right call.

    Examples
    --------
    >>> as_positions([[1.0, 0, 0, 0, 1, 0]])
    Traceback (most recent call last):
    ValueError: grid: expected (N, h, w, 2), got (1, 6); parameters of a transform go to `warp(image, theta)`
    """
    if hasattr(grid, "forward"):
        raise TypeError(f"grid: expected a Grid or positions, got {grid!r:.60}; its `forward(theta, shape)` makes a grid")
    positions = as_array(grid, "grid")
    if positions.ndim == 5 and positions.shape[4] == 3:
        return as_floats(positions, "grid", ("N", "d", "h", "w", 3))
    if positions.dtype.kind in "fiu" and (positions.ndim != 4 or positions.shape[3] != 2):
        raise ValueError(f"grid: expected (N, h, w, 2), got {positions.shape}{_positions_advice(positions.shape)}")
    return as_floats(positions, "grid", ("N", "h", "w", 2))


def _positions_advice(shape: Shape) -> str:
    if len(shape) == 4:
        return "; the last axis is (x, y): grid.transpose(0, 2, 3, 1)" if shape[1] == 2 else ""
    if len(shape) == 3 and shape[2] == 2:
        return "; one grid (h, w, 2) is grid[None]"
    if len(shape) == 2 and shape[1] == 2:
        return "; points (M, 2) are grid[None, None]"
    if shape[-2:] in ((2, 3), (3, 3)):
        return "; a matrix between pixels becomes a grid by `grid_from_pixel_matrix`, theta goes to `warp(image, theta)`"
    return "; parameters of a transform go to `warp(image, theta)`" if len(shape) in (1, 2) else ""


def axes_advice(shape: Shape, layout: str) -> str:
    """How to pass images with fewer than four axes.

    Examples
    --------
    >>> axes_advice((28, 28), "NHWC")
    '; one gray image (H, W) is image[None, ..., None]'
    """
    first = layout == "NCHW"
    if len(shape) == 2:
        return f"; one gray image (H, W) is {'image[None, None]' if first else 'image[None, ..., None]'}"
    if len(shape) == 3:
        one, batch = ("(C, H, W)", "image[:, None]") if first else ("(H, W, C)", "image[..., None]")
        return f"; one image {one} is image[None], a batch of gray images (N, H, W) is {batch}"
    return ""
