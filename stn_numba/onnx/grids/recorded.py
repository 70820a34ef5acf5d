"""What transforms compute, recorded from their own code; see `tracing`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.onnx.graph import Graph
from stn_numba.onnx.grids.assemble import Theta
from stn_numba.onnx.tracing.rebound import rebound
from stn_numba.onnx.tracing.symbols import RecordingError, Symbol
from stn_numba.onnx.tracing.tracer import as_array_of, traced
from stn_numba.transform import LatticeTransform, LinearTransform, MatrixTransform, Transform
from stn_numba.transform.checked import identity_of
from stn_numba.transform.points import apply_each

__all__ = ["fixed_points", "moving_points", "recorded_axis_weights", "recorded_basis", "recorded_matrix", "recorded_points"]

Array = NDArray[np.float64]
Call = Callable[[Any], Any]
"""A call of a transform, or of its copy, with symbols."""

_SPREADS = (0.01, 0.03, 0.1, 0.1, 0.3, 0.3, 1.0, 3.0)  # of sample parameters about the identity
_SAMPLE_POINTS = 11


class Points:
    """Positions, as symbols x and y, and as numbers for the samples."""

    def __init__(self, symbols: list[Symbol], values: Array) -> None:
        self.symbols, self.values = symbols, values


def fixed_points(points: Array) -> Points:
    """Return positions (M, 2) that are the same in all images."""
    return Points([Symbol(points[None, :, k]) for k in (0, 1)], points)


def moving_points(graph: Graph, positions: str, count: int) -> Points:
    """Return positions (N, h, w, 2) of the graph, h w = `count`, which differ from image to image."""
    flat = graph.node("Reshape", positions, [0, count, 2])
    values = np.random.default_rng(1).uniform(-1.2, 1.2, (len(_SPREADS), _SAMPLE_POINTS, 2))
    return Points([Symbol(values[..., k], graph.node("Gather", flat, k, axis=2)) for k in (0, 1)], values)


def theta_of(graph: Graph, name: str, transform: Transform) -> tuple[Theta, Array]:
    """Return the symbols of parameters (N, P) of the graph, and sample parameters."""
    center = np.asarray(identity_of(transform), np.float64)
    noise = np.random.default_rng(0).standard_normal((len(_SPREADS), center.size))
    samples = center + np.array(_SPREADS)[:, None] * noise
    return Theta(
        name, [Symbol(samples[:, k : k + 1], graph.node("Gather", name, [k], axis=1)) for k in range(center.size)]
    ), samples


def recorded_matrix(graph: Graph, transform: MatrixTransform, name: str) -> tuple[Theta, list[Symbol]]:
    """Return the entries, row by row, of the matrix that a transform makes of parameters."""
    theta, samples = theta_of(graph, name, transform)
    with np.errstate(all="ignore"):
        expected = np.asarray(transform.matrix_vjp(samples)[0], np.float64).reshape(len(samples), 1, 9)
    row = as_array_of(theta.symbols)
    calls: list[Call] = [lambda own: own.matrix_vjp(row)[0], lambda own: own.matrix(row)]
    return theta, _first_success(graph, transform, calls, (1, 3, 3), expected)


def recorded_points(graph: Graph, transform: Transform, name: str, points: Points) -> tuple[Theta, list[Symbol]]:
    """Return x and y of the positions that a transform makes of parameters and positions."""
    theta, samples = theta_of(graph, name, transform)
    with np.errstate(all="ignore"):
        expected = np.asarray(apply_each(transform, samples, points.values), np.float64)
    row, point = as_array_of(theta.symbols), as_array_of(points.symbols)
    calls: list[Call] = [lambda own: own.apply_vjp(row, point)[0], lambda own: own.apply(row, point)]
    return theta, _first_success(graph, transform, calls, (1, 1, 2), expected)


def recorded_basis(graph: Graph, transform: LinearTransform, points: Points) -> list[Symbol]:
    """Return the values of basis functions at positions."""
    flat = points.values.reshape(-1, 2)
    values = np.asarray(transform.basis(flat), np.float64)
    expected = values.reshape(*points.values.shape[:-1], values.shape[1])
    point = as_array_of(points.symbols)
    return _first_success(graph, transform, [lambda own: own.basis(point)], (1, values.shape[1]), expected)


def recorded_axis_weights(graph: Graph, transform: LatticeTransform, x: Symbol, count: int) -> list[Symbol]:
    """Return the number of the first control point on an axis, and the weights from there on."""
    first, weights = transform.axis_weights(np.clip(x.value, -1.0, 1.0).ravel(), count)
    values = np.concatenate([np.asarray(first, np.float64)[:, None], weights], axis=1)
    expected = values.reshape(*x.value.shape, values.shape[1])
    position = as_array_of([x])[0]

    def both(own: Any) -> Any:
        first, weights = own.axis_weights(np.clip(position, -1.0, 1.0), count)
        return np.concatenate([np.asarray(first, object)[:, None], weights], axis=1)

    return _first_success(graph, transform, [both], (1, values.shape[1]), expected)


def _first_success(
    graph: Graph, transform: Transform, calls: list[Call], shape: tuple[int, ...], expected: Array
) -> list[Symbol]:
    """Return what the first call computes that can be recorded, of the transform or of its rebound copy.

    If none can be, raise the first error.
    """
    first: RecordingError | None = None
    for own in _with_copy(transform):
        for call in calls:
            try:
                return traced(graph, functools.partial(call, own), shape, expected)
            except RecordingError as error:
                first = first or error
    assert first is not None
    raise first


def _with_copy(transform: Transform) -> Iterator[Transform]:
    """Yield a transform, and then its rebound copy if there is one."""
    yield transform
    copied = rebound(transform)
    if copied is not None:
        yield copied
