"""Put symbols together to tensors of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stn_numba.grid import Shape
from stn_numba.onnx.graph import Graph
from stn_numba.onnx.tracing.symbols import Symbol

__all__ = ["Theta", "as_maps", "as_row"]


class Theta(NamedTuple):
    """Parameters of a transform in the graph, and as symbols.

    Attributes
    ----------
    name : str
        The value (N, P).
    symbols : list of Symbol
        Its columns (N, 1), with values for some samples.
    """

    name: str
    symbols: list[Symbol]


def as_row(graph: Graph, theta: Theta, entries: Sequence[Symbol]) -> str:
    """Return (N, k) from k symbols (N, 1) or numbers. What is a column of theta or constant becomes one product of matrices."""
    places = {symbol.tensor: place for place, symbol in enumerate(theta.symbols)}
    sources, rest = len(theta.symbols), list(dict.fromkeys(e.tensor for e in entries if e.tensor and e.tensor not in places))
    places |= {tensor: sources + k for k, tensor in enumerate(rest)}
    selection, offset = np.zeros((sources + len(rest), len(entries))), np.zeros(len(entries))
    for k, entry in enumerate(entries):
        if entry.tensor:
            selection[places[entry.tensor], k] = 1
        else:
            offset[k] = entry.value.item()
    row = graph.node("Concat", theta.name, *rest, axis=1) if rest else theta.name
    if not np.array_equal(selection, np.eye(len(selection))):
        row = graph.node("MatMul", row, selection)
    return graph.node("Add", row, offset) if offset.any() else row


def as_maps(graph: Graph, batch_of: str, entries: Sequence[Symbol], shape: Shape) -> str:
    """Return (N, h, w, k) from k symbols that broadcast to (N, h w); `batch_of` is a value (N, ...)."""
    h, w = shape
    size = graph.node("Concat", graph.batch_size(batch_of), np.array([h * w]), axis=0)
    whole = [graph.node("Expand", entry.tensor or graph.constant(_as_row(entry, h * w)), size) for entry in entries]
    joined = graph.node("Concat", *(graph.node("Unsqueeze", each, [2]) for each in whole), axis=2)
    return graph.node("Reshape", joined, [0, h, w, len(entries)])


def _as_row(entry: Symbol, count: int) -> np.ndarray:
    """Return the values of a constant as (1, M) or (1, 1)."""
    value = entry.value.astype(np.float64)
    return value.reshape(1, -1) if value.size in (1, count) else np.broadcast_to(value, (1, count))
