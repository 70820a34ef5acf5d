"""The sampler in operators of ONNX: GridSample where it has the kernel and the padding, else GridSample on other positions.

GridSample reflects about the centers of the outermost pixels with ``align_corners=1``, and about their outer edges without. So
positions are converted to the convention that has the reflection that is wanted.
"""

from __future__ import annotations

import numpy as np

from stn_numba.grid import Shape
from stn_numba.nn.engine.sampling import Sampling
from stn_numba.onnx.graph import Graph
from stn_numba.onnx.grids.places import GraphGrid
from stn_numba.onnx.taps import sampled_by_taps
from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial, bicubic

__all__ = ["sampled"]

_MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
_MARGINS = {"nearest": (0, 1), "linear": (0, 1), "cubic": (1, 2)}  # pixels before and after a position that a mode reads
_FAR = 2.0**20  # pixels: where an image repeats, farther positions count as outside, since float32 has no fractions of a pixel
_BEYOND = 64.0  # images: nothing changes farther out where an image does not repeat; runtimes count pixels with 32 bits


def sampled(graph: Graph, image: str, in_shape: Shape, grid: GraphGrid, sampling: Sampling, align_corners: bool) -> str:
    """Return images (N, C, h, w) sampled at a grid.

    Parameters
    ----------
    graph : Graph
        The graph to add nodes to.
    image : str
        Images (N, C, H, W).
    in_shape : (int, int)
        (H, W).
    grid : GraphGrid
        Normalized positions (N, h, w, 2), last axis (x, y).
    sampling : Sampling
        Kernel and padding; without antialiasing.
    align_corners : bool
        Convention of the positions.
    """
    positions, outside = grid.values, ""
    if not grid.finite:
        positions, outside = _finite(graph, positions, in_shape, sampling.padding)
    kernel = KERNELS[sampling.kernel]() if sampling.kernel in KERNELS else sampling.kernel
    if isinstance(kernel, PiecewisePolynomial) and kernel is not bicubic():
        out = sampled_by_taps(graph, image, in_shape, positions, grid.shape, kernel, sampling.padding, align_corners)
    else:
        mode = _MODES["bicubic" if isinstance(kernel, PiecewisePolynomial) else kernel]
        out = _by_grid_sample(graph, image, in_shape, positions, mode, sampling.padding, align_corners)
    return graph.node("Where", outside, 0.0, out) if outside else out


def _finite(graph: Graph, positions: str, in_shape: Shape, padding: str) -> tuple[str, str]:
    """Return finite positions, and (N, 1, h, w) which of them were outside whatever the padding."""
    outside, limit = graph.node("IsNaN", positions), _BEYOND
    if padding not in ("border", "zeros", "constant"):
        limit = _FAR / max(in_shape)
        outside = graph.node("Or", outside, graph.node("Greater", graph.node("Abs", positions), limit))
    either = graph.node("Or", *(graph.node("Gather", outside, k, axis=3) for k in (0, 1)))
    known = graph.node("Where", graph.node("Unsqueeze", either, [3]), 0.0, positions)
    return graph.node("Clip", known, -limit, limit), graph.node("Unsqueeze", either, [1])


def _by_grid_sample(
    graph: Graph, image: str, in_shape: Shape, positions: str, mode: str, padding: str, align_corners: bool
) -> str:
    if padding == "wrap":
        return _wrapped(graph, image, in_shape, positions, mode, align_corners)
    if padding == "border" and mode == "cubic":
        # Runtimes differ in whether they move a position or the taps to the edge; on a larger image both read the same
        image = _extended(graph, image, in_shape, (2, 2), wrap=False)
        return _grid_sample(graph, image, _scaled(graph, positions, in_shape, align_corners, 4), mode, "border", align_corners)
    name = {"symmetric": "reflection", "reflect101": "reflection", "constant": "zeros"}.get(padding, padding)
    about_centers = {"symmetric": False, "reflect101": True}.get(padding, align_corners)
    scale = _to_convention(in_shape, align_corners, about_centers, repeats=name != "zeros")
    if not (scale == 1).all():
        positions = graph.node("Mul", positions, scale)
    return _grid_sample(graph, image, positions, mode, name, about_centers)


def _grid_sample(graph: Graph, image: str, positions: str, mode: str, padding: str, align_corners: bool) -> str:
    return graph.node("GridSample", image, positions, mode=mode, padding_mode=padding, align_corners=int(align_corners))


def _to_convention(in_shape: Shape, given: bool, wanted: bool, *, repeats: bool) -> np.ndarray:
    """Return factors (x, y) from one convention to the other; 0 for an axis of one pixel if it is all that can be read."""
    H, W = in_shape
    sizes = np.array([W, H], np.float64)
    scale = np.ones(2)
    if given != wanted:
        scale = (sizes - 1) / sizes if given else sizes / np.maximum(sizes - 1, 1)
    return np.where((sizes == 1) & repeats, 0.0, scale)


def _scaled(graph: Graph, positions: str, in_shape: Shape, align_corners: bool, added: int) -> str:
    """Return positions in an image that has `added` pixels more on each axis, half of them on each side."""
    sizes = np.array([in_shape[1], in_shape[0]], np.float64) - int(align_corners)
    return graph.node("Mul", positions, sizes / (sizes + added))


def _wrapped(graph: Graph, image: str, in_shape: Shape, positions: str, mode: str, align_corners: bool) -> str:
    """Return samples of an image that repeats: positions modulo its size, in an image with what follows at its edges."""
    sizes = np.array([in_shape[1], in_shape[0]], np.float64)
    before, after = _MARGINS[mode]
    scale = (sizes - int(align_corners)) / 2
    pixels = graph.node("Add", graph.node("Mul", positions, scale), (sizes - 1) / 2)
    periods = graph.node("Floor", graph.node("Div", pixels, sizes))
    inside = graph.node("Sub", pixels, graph.node("Mul", periods, sizes))
    image = _extended(graph, image, in_shape, (before, after), wrap=True)
    last = sizes + (before + after - 1)
    moved = graph.node("Sub", graph.node("Mul", graph.node("Add", inside, float(before)), 2 / last), 1.0)
    return _grid_sample(graph, image, moved, mode, "border", True)


def _extended(graph: Graph, image: str, in_shape: Shape, margins: tuple[int, int], *, wrap: bool) -> str:
    """Return images with pixels before and after each axis: those of the other end, or those of the edge."""
    for axis, size in zip((2, 3), in_shape, strict=True):
        index = np.arange(-margins[0], size + margins[1])
        image = graph.node("Gather", image, index % size if wrap else np.clip(index, 0, size - 1), axis=axis)
    return image
