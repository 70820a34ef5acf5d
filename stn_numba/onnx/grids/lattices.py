"""Displacements of a lattice of control points in operators of ONNX."""

from __future__ import annotations

import numpy as np

from stn_numba.grid import base_points
from stn_numba.onnx.graph import Graph
from stn_numba.onnx.grids.places import GraphGrid, Places
from stn_numba.onnx.grids.recorded import moving_points, recorded_axis_weights
from stn_numba.onnx.tracing.symbols import Symbol
from stn_numba.transform import LatticeTransform

__all__ = ["displaced"]


def displaced(graph: Graph, transform: LatticeTransform, theta: str, places: Places) -> GraphGrid:
    """Return positions moved by the weighted displacements of nearby control points."""
    rows, columns = transform.lattice
    control = graph.node("Reshape", theta, [0, 2, rows, columns])
    if places.moving:
        return _of_moving(graph, transform, control, places)
    (h, w), points = places.shape, base_points(places.shape, places.align_corners)
    across = _dense_weights(transform, points[:w, 0], columns)
    down = _dense_weights(transform, points[::w, 1], rows)
    shift = graph.node("MatMul", graph.node("MatMul", down, control), across.T)  # (N, 2, h, w)
    positions = graph.node("Add", shift, points.T.reshape(2, h, w))
    return GraphGrid(graph.channels_last(positions), places.shape, True)


def _dense_weights(transform: LatticeTransform, x: np.ndarray, count: int) -> np.ndarray:
    """Return the weights (M, count) of all control points of an axis."""
    control, weights = transform.axis_control(x, count)
    result = np.zeros((len(x), count))
    np.put_along_axis(result, control, weights, axis=1)
    return result


def _of_moving(graph: Graph, transform: LatticeTransform, control: str, places: Places) -> GraphGrid:
    """Return what `displaced` does for positions that differ from image to image."""
    points, (rows, columns) = moving_points(graph, places.moving, places.total), transform.lattice
    across, down = (_recorded_weights(graph, transform, *axis) for axis in zip(points.symbols, (columns, rows), strict=True))
    moves = []
    for k in (0, 1):
        of_rows = graph.node("MatMul", down, graph.node("Gather", control, k, axis=1))  # (N, M, columns)
        moves.append(graph.node("ReduceSum", graph.node("Mul", of_rows, across), [2], keepdims=1))
    start = graph.node("Reshape", places.moving, [0, places.total, 2])
    moved = graph.node("Add", start, graph.node("Concat", *moves, axis=2))
    return GraphGrid(graph.node("Reshape", moved, [0, *places.shape, 2]), places.shape, places.finite)


def _recorded_weights(graph: Graph, transform: LatticeTransform, x: Symbol, count: int) -> str:
    """Return the weights (N, M, count) of all control points of an axis."""
    first, *weights = recorded_axis_weights(graph, transform, x, count)
    place = graph.node("Sub", np.arange(float(count)), graph.node("Unsqueeze", _name(graph, first), [2]))
    total = ""
    for number, weight in enumerate(weights):
        chosen = graph.node("Equal", place, float(number))
        part = graph.node("Where", chosen, graph.node("Unsqueeze", _name(graph, weight), [2]), 0.0)
        total = graph.node("Add", total, part) if total else part
    return total


def _name(graph: Graph, symbol: Symbol) -> str:
    """Return a symbol (N, M), also if it is the same everywhere."""
    return symbol.tensor or graph.constant(symbol.value.astype(np.float64).reshape(1, -1))
