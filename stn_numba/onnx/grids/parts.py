"""Parameters of transforms that are made of others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stn_numba.onnx.graph import Graph
from stn_numba.transform import Transform
from stn_numba.transform.bounded import Bounded
from stn_numba.transform.checked import identity_of, n_params_of
from stn_numba.transform.compose import Composed

__all__ = ["inner_theta", "parts_of"]

_FAR = 1e12  # as in `Bounded`


def inner_theta(graph: Graph, transform: Bounded, theta: str) -> str:
    """Return the parameters (N, P) of a bounded transform's inner one; see `Bounded.inner_theta`."""
    center = identity_of(transform.transform)
    above, below = transform.high - center, center - transform.low
    away = graph.node("Sub", theta, center)
    limited = [np.where(np.isinf(room), 1.0, room) for room in (above, below)]
    is_above = graph.node("GreaterOrEqual", away, 0.0)
    room = graph.node("Where", is_above, *limited)
    share = graph.node("Clip", graph.node("Div", away, room), -_FAR, _FAR)
    root = graph.node("Sqrt", graph.node("Add", graph.node("Mul", share, share), 1.0))
    inner = graph.node("Add", graph.node("Mul", room, graph.node("Div", share, root)), center)
    inner = graph.node("Max", graph.node("Min", inner, transform.high), transform.low)
    if np.isinf([above, below]).any():  # a side without a bound
        is_free = graph.node("Or", *(graph.node("And", *side) for side in (
            (is_above, np.isinf(above)), (graph.node("Not", is_above), np.isinf(below)),
        )))  # fmt: skip
        inner = graph.node("Where", is_free, theta, inner)
    return inner


def parts_of(graph: Graph, transform: Composed, theta: str) -> Iterator[tuple[Transform, str]]:
    """Yield the transforms that are applied one after another, and their parameters."""
    start = 0
    for part in transform.transforms:
        stop = start + n_params_of(part)
        yield part, theta if len(transform.transforms) == 1 else graph.columns(theta, start, stop)
        start = stop
