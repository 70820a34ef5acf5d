"""Sampling grids in operators of ONNX, for every transform.

What is linear in theta is a product with a constant basis. A homography is the matrix that is recorded from the transform's own
code, and any other transform is recorded as a whole; see `tracing`.
"""

from __future__ import annotations

from typing import Any

from stn_numba.grid import Shape, base_points
from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.graph import Graph
from stn_numba.onnx.grids.assemble import as_maps
from stn_numba.onnx.grids.lattices import displaced
from stn_numba.onnx.grids.linear_form import linear_in_theta
from stn_numba.onnx.grids.matrices import mapped_by_matrix
from stn_numba.onnx.grids.parts import inner_theta, parts_of
from stn_numba.onnx.grids.places import GraphGrid, Places
from stn_numba.onnx.grids.recorded import fixed_points, moving_points, recorded_basis, recorded_points
from stn_numba.onnx.tracing.symbols import RecordingError
from stn_numba.transform import LatticeTransform, LinearTransform, MatrixTransform, Transform
from stn_numba.transform.bounded import Bounded
from stn_numba.transform.compose import Composed
from stn_numba.transform.points import apply_each

__all__ = ["grid_of"]


def grid_of(graph: Graph, transform: Transform, theta: str, shape: Shape, align_corners: bool) -> GraphGrid:
    """Return the sampling grid that a transform makes of parameters.

    Parameters
    ----------
    graph : Graph
        The graph to add nodes to.
    transform : Transform
        For images of one shape, as `Transform.for_image` returns it.
    theta : str
        Parameters (N, P).
    shape : (int, int)
        (h, w) of the output.
    align_corners : bool
        Convention of the grid.

    Raises
    ------
    ExportError
        If the transform's code cannot be recorded; the message says why.
    """
    try:
        return _mapped(graph, transform, theta, Places(shape, align_corners))
    except RecordingError as error:
        raise ExportError(f"its code cannot be recorded: {error}") from error


def _mapped(graph: Graph, transform: Transform, theta: str, places: Places) -> GraphGrid:
    """Return where a transform maps positions."""
    if isinstance(transform, MatrixTransform):
        return mapped_by_matrix(graph, transform, theta, places)
    if isinstance(transform, Bounded):
        return _mapped(graph, transform.transform, inner_theta(graph, transform, theta), places)
    if isinstance(transform, Composed):
        for part, own in parts_of(graph, transform, theta):
            grid = _mapped(graph, part, own, places)
            places = places._replace(moving=grid.values, finite=grid.finite)
        return grid
    if isinstance(transform, LatticeTransform) and _keeps_methods(transform, LatticeTransform):
        return displaced(graph, transform, theta, places)
    if isinstance(transform, LinearTransform) and _keeps_methods(transform, LinearTransform):
        return _combined(graph, transform, theta, places)
    return _recorded(graph, transform, theta, places)


def _keeps_methods(transform: Transform, base: Any) -> bool:
    """Whether a transform maps positions as its base class does."""
    return type(transform).apply is base.apply and type(transform).apply_vjp is base.apply_vjp


def _combined(graph: Graph, transform: LinearTransform, theta: str, places: Places) -> GraphGrid:
    """Return the sum of basis functions, whose coefficients are theta."""
    h, w = places.shape
    if places.moving:
        symbols = recorded_basis(graph, transform, moving_points(graph, places.moving, places.total))
        basis = as_maps(graph, theta, symbols, places.shape)
        flat = graph.node("Reshape", basis, [0, places.total, len(symbols)])
        basis = graph.node("Transpose", flat, perm=[0, 2, 1])  # (N, B, h w)
    else:
        basis = graph.constant(transform.basis(base_points(places.shape, places.align_corners)).T, "basis")
    coefficients = graph.node("Reshape", theta, [0, 2, -1])
    positions = graph.node("Reshape", graph.node("MatMul", coefficients, basis), [0, 2, h, w])
    return GraphGrid(graph.channels_last(positions), places.shape, places.finite)


def _recorded(graph: Graph, transform: Transform, theta: str, places: Places) -> GraphGrid:
    """Return the positions that the transform's code makes of parameters and positions."""
    base = base_points(places.shape, places.align_corners)
    points = moving_points(graph, places.moving, places.total) if places.moving else fixed_points(base)
    try:
        _, symbols = recorded_points(graph, transform, theta, points)
    except RecordingError:
        form = None
        if not places.moving:
            form = linear_in_theta(transform, lambda rows: apply_each(transform, rows, base).reshape(len(rows), -1))
        if form is None:
            raise
        flat = graph.node("Add", graph.node("MatMul", theta, form.slopes), form.constant)
        return GraphGrid(graph.node("Reshape", flat, [0, *places.shape, 2]), places.shape, True)
    return GraphGrid(as_maps(graph, theta, symbols, places.shape), places.shape, False)
