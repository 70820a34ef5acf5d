"""Homographies in operators of ONNX."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.grid import base_points
from stn_numba.onnx.graph import Graph
from stn_numba.onnx.grids.assemble import as_row
from stn_numba.onnx.grids.linear_form import linear_in_theta
from stn_numba.onnx.grids.parts import inner_theta, parts_of
from stn_numba.onnx.grids.places import GraphGrid, Places
from stn_numba.onnx.grids.recorded import recorded_matrix
from stn_numba.onnx.tracing.symbols import RecordingError, Symbol
from stn_numba.transform import MatrixTransform
from stn_numba.transform.bounded import BoundedMatrix
from stn_numba.transform.compose import ComposedMatrix

__all__ = ["mapped_by_matrix"]

_LAST_ROW = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1.0]])


class _Matrix(NamedTuple):
    """Matrices (N, 2, 3) of affine maps, or (N, 3, 3)."""

    name: str
    affine: bool


def mapped_by_matrix(graph: Graph, transform: MatrixTransform, theta: str, places: Places) -> GraphGrid:
    """Return where a homography maps positions; NaN at and behind its horizon."""
    matrix = _matrix_of(graph, transform, theta)
    if matrix.affine and not places.moving and (min(places.shape) > 1 or not places.align_corners):
        size = graph.node("Concat", graph.batch_size(theta), [1, *places.shape], axis=0)
        grid = graph.node("AffineGrid", matrix.name, size, align_corners=int(places.align_corners))
        return GraphGrid(grid, places.shape, True)
    (h, w), points = places.shape, _homogeneous(graph, places)
    mapped = graph.node("MatMul", matrix.name, points)  # (N, 2 or 3, h w)
    if not matrix.affine:
        plane, depth = graph.node("Slice", mapped, [0], [2], [1]), graph.node("Slice", mapped, [2], [3], [1])
        visible = graph.node("Greater", depth, 0.0)
        mapped = graph.node("Where", visible, graph.node("Div", plane, depth), np.nan)
    grid = graph.channels_last(graph.node("Reshape", mapped, [0, 2, h, w]))
    return GraphGrid(grid, places.shape, matrix.affine and places.finite)


def _homogeneous(graph: Graph, places: Places) -> str:
    """Return positions (x, y, 1) as (3, h w), or (N, 3, h w) if they differ from image to image."""
    if not places.moving:
        points = base_points(places.shape, places.align_corners)
        return graph.constant(np.concatenate([points, np.ones((len(points), 1))], axis=1).T)
    flat = graph.node("Reshape", places.moving, [0, places.total, 2])
    return graph.node("Pad", graph.node("Transpose", flat, perm=[0, 2, 1]), [0, 0, 0, 0, 1, 0], 1.0)


def _matrix_of(graph: Graph, transform: MatrixTransform, theta: str) -> _Matrix:
    if isinstance(transform, BoundedMatrix):
        assert isinstance(transform.transform, MatrixTransform)
        return _matrix_of(graph, transform.transform, inner_theta(graph, transform, theta))
    if isinstance(transform, ComposedMatrix):
        return _product(graph, transform, theta)
    try:
        parameters, entries = recorded_matrix(graph, transform, theta)
    except RecordingError as error:
        return _linear(graph, transform, theta, error)
    affine = all(_is(entry, number) for entry, number in zip(entries[6:], (0, 0, 1), strict=True))
    rows = 2 if affine else 3
    return _Matrix(graph.node("Reshape", as_row(graph, parameters, entries[: 3 * rows]), [0, rows, 3]), affine)


def _is(entry: Symbol, number: float) -> bool:
    return not entry.tensor and entry.value.item() == number


def _linear(graph: Graph, transform: MatrixTransform, theta: str, error: RecordingError) -> _Matrix:
    """Return matrices that are linear in theta, without recording; else raise the error."""
    form = linear_in_theta(transform, lambda rows: transform.matrix_vjp(rows)[0].reshape(len(rows), 9))
    if form is None:
        raise error
    row = graph.node("Add", graph.node("MatMul", theta, form.slopes), form.constant)
    return _Matrix(graph.node("Reshape", row, [0, 3, 3]), False)


def _product(graph: Graph, transform: ComposedMatrix, theta: str) -> _Matrix:
    """Return the product of matrices; the first one maps a position first."""
    result: _Matrix | None = None
    for part, own in parts_of(graph, transform, theta):
        assert isinstance(part, MatrixTransform)
        matrix = _matrix_of(graph, part, own)
        if result is not None:
            affine = matrix.affine and result.affine
            left = matrix.name if affine else _square(graph, matrix)
            matrix = _Matrix(graph.node("MatMul", left, _square(graph, result)), affine)
        result = matrix
    assert result is not None
    return result


def _square(graph: Graph, matrix: _Matrix) -> str:
    """Return matrices (N, 3, 3)."""
    if not matrix.affine:
        return matrix.name
    return graph.node("Add", graph.node("Pad", matrix.name, [0, 0, 0, 0, 1, 0], 0.0), _LAST_ROW)
