"""Interpolation by any piecewise polynomial: each tap is read by GridSample with the mode ``nearest``, and weighted."""

from __future__ import annotations

import numpy as np

from stn_numba.grid import Shape
from stn_numba.onnx.graph import Graph
from stn_numba.sampler.interpolation import PiecewisePolynomial

__all__ = ["sampled_by_taps"]


def sampled_by_taps(
    graph: Graph,
    image: str,
    in_shape: Shape,
    positions: str,
    shape: Shape,
    kernel: PiecewisePolynomial,
    padding: str,
    align_corners: bool,
) -> str:
    """Return images (N, C, h, w) sampled at normalized positions (N, h, w, 2) with K x K taps; see `sampling.sampled`.

    Intermediate values take K x K times the memory of the output.
    """
    K, table, (h, w), sizes = kernel.taps, kernel.table(), shape, np.array([in_shape[1], in_shape[0]], np.float64)
    pixels = graph.node("Add", graph.node("Mul", positions, (sizes - int(align_corners)) / 2), (sizes - 1) / 2)
    flat = graph.node("Reshape", pixels, [0, h * w, 2])
    first = graph.node("Floor", flat)
    fraction = graph.node("Sub", flat, first)
    offsets = np.arange(K) - (K // 2 - 1.0)
    taps, weights = [], []
    for axis in (0, 1):  # x, y
        place = graph.node("Slice", first, [axis], [axis + 1], [2])  # (N, hw, 1)
        taps.append(graph.node("Add", place, offsets))  # (N, hw, K)
        weights.append(_weights(graph, graph.node("Slice", fraction, [axis], [axis + 1], [2]), table))
    # all pairs of taps, x fastest: (N, hw, K, K)
    across, down = graph.node("Unsqueeze", taps[0], [2]), graph.node("Unsqueeze", taps[1], [3])
    nothing = np.zeros((K, K))
    pairs = [graph.node("Unsqueeze", graph.node("Add", each, nothing), [4]) for each in (across, down)]
    grid = graph.node("Reshape", graph.node("Concat", *pairs, axis=4), [0, h * w, K * K, 2])
    read = _read(graph, image, sizes, grid, padding, align_corners)  # (N, C, hw, K K)
    of_pairs = graph.node("Mul", graph.node("Unsqueeze", weights[0], [2]), graph.node("Unsqueeze", weights[1], [3]))
    weight = graph.node("Unsqueeze", graph.node("Reshape", of_pairs, [0, h * w, K * K]), [1])
    total = graph.node("ReduceSum", graph.node("Mul", read, weight), [3], keepdims=0)
    return graph.node("Reshape", total, [0, 0, h, w])


def _weights(graph: Graph, fraction: str, table: np.ndarray) -> str:
    """Return the weights (N, hw, K) of the taps on an axis for fractions (N, hw, 1); see `PiecewisePolynomial.table`."""
    result = ""
    for piece in table:
        value = graph.node("Add", graph.node("Mul", fraction, 0.0), piece[1:, 0])
        for coefficients in piece[1:, 1:].T:
            value = graph.node("Add", graph.node("Mul", value, fraction), coefficients)
        begun = graph.node("GreaterOrEqual", fraction, piece[0, 0])
        result = graph.node("Where", begun, value, result) if result else value
    return result


def _read(graph: Graph, image: str, sizes: np.ndarray, taps: str, padding: str, align_corners: bool) -> str:
    """Return the pixels at whole positions (x, y), which the padding maps into the image."""
    if padding == "wrap":
        periods = graph.node("Floor", graph.node("Div", taps, sizes))
        taps = graph.node("Sub", taps, graph.node("Mul", periods, sizes))
    if padding == "reflection":
        padding = "reflect101" if align_corners else "symmetric"
    about_centers = padding == "reflect101"
    scale, shift = 2 / sizes, 1 / sizes - 1
    if about_centers:
        scale, shift = 2 / np.maximum(sizes - 1, 1), -np.ones(2)
    if padding not in ("zeros", "constant"):  # an axis of one pixel has nothing else to read
        scale, shift = np.where(sizes == 1, 0.0, scale), np.where(sizes == 1, 0.0, shift)
    grid = graph.node("Add", graph.node("Mul", taps, scale), shift)
    mode = {"zeros": "zeros", "constant": "zeros", "border": "border", "wrap": "border"}.get(padding, "reflection")
    return graph.node("GridSample", image, grid, mode="nearest", padding_mode=mode, align_corners=int(about_centers))
