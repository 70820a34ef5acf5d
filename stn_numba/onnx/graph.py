"""Build a graph of ONNX operators: nodes, constants and names. Values are known by their names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Graph", "Node"]

_LIMITS = np.finfo(np.float32)


class Node(NamedTuple):
    """An operator of ONNX with the names of its inputs and of its output."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


class Graph:
    """A graph of operators of ONNX (opset 20, float32) that grows node by node.

    Equal nodes and equal constants are made once. Nodes that no output needs are left out of the file.

    Attributes
    ----------
    nodes : list of Node
        In an order in which they can be computed.
    constants : dict of arrays
        By name.

    Examples
    --------
    >>> graph = Graph()
    >>> y = graph.node("Mul", "x", 2.0)
    >>> graph.node("Mul", "x", 2.0) == y
    True
    >>> graph.constants
    {'constant': array(2., dtype=float32)}
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._known: dict[Any, str] = {}
        self._taken: set[str] = set()
        self._path: tuple[str, ...] = ()
        self._first: dict[str, str] = {}  # channels first, by the name of the same value channels last

    @property
    def place(self) -> str:
        """Dotted name of the layer that is being exported."""
        return ".".join(self._path)

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Put a layer's name before those of the nodes and constants that are made in the block."""
        before = self._path
        self._path = (*before, name) if name else before
        try:
            yield
        finally:
            self._path = before

    def constant(self, value: ArrayLike, name: str = "") -> str:
        """Return the name of a constant: floats become float32, whole numbers int64.

        Parameters
        ----------
        value : array_like
            Floats that are too large for float32 become the largest, and those that are too small, but not 0, the smallest.
        name : str, default ""
            Its name, after that of the layer; equal constants without one are stored once.
        """
        array = _as_stored(value)
        key = None if name else (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known or name:
            found = self._unused(name or "constant")
            self.constants[found] = array
            if name:
                return found
            self._known[key] = found
        return self._known[key]

    def node(self, operator: str, *inputs: str | ArrayLike, **attributes: Any) -> str:
        """Add an operator, and return the name of its output.

        Parameters
        ----------
        operator : str
            Name of an ONNX operator with one output.
        *inputs : str or array_like
            Names of values, or numbers and arrays, which become constants; "" for an optional input that is left out.
        **attributes
            Attributes of the operator; those that are None are left out.
        """
        names = tuple(each if isinstance(each, str) else self.constant(each) for each in inputs)
        given = {key: value for key, value in attributes.items() if value is not None}
        key = operator, names, repr(sorted(given.items()))
        if key not in self._known:
            output = self._unused(operator)
            self.nodes.append(Node(operator, names, output, given))
            self._known[key] = output
        return self._known[key]

    def channels_first(self, value: str, ndim: int = 4) -> str:
        """Return a value (N, ..., C) with its channels moved to the second axis; without a node if it was so before."""
        if ndim < 3:
            return value
        return self._first.get(value) or self.node("Transpose", value, perm=[0, ndim - 1, *range(1, ndim - 1)])

    def channels_last(self, value: str, ndim: int = 4) -> str:
        """Return a value (N, C, ...) with its channels moved to the last axis, the order in which layers pass it on."""
        if ndim < 3:
            return value
        last = self.node("Transpose", value, perm=[0, *range(2, ndim), 1])
        self._first[last] = value
        return last

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names for the inputs and outputs of the model."""
        self._taken.update(names)

    def columns(self, value: str, start: int, stop: int) -> str:
        """Return columns [start, stop) of a value (N, P)."""
        return self.node("Slice", value, [start], [stop], [1])

    def batch_size(self, value: str) -> str:
        """Return the length of the first axis of a value, as an array of one number."""
        return self.node("Shape", value, start=0, end=1)

    def _unused(self, name: str) -> str:
        base = f"{self.place}.{name}" if self.place else name
        number, found = 1, base
        while found in self._taken:
            number += 1
            found = f"{base}_{number}"
        self._taken.add(found)
        return found


def _as_stored(value: ArrayLike) -> NDArray[Any]:
    """Return an array in the dtype and the order in which files hold it."""
    array = np.asarray(value)
    if array.dtype.kind == "b":
        return np.array(array, order="C")
    if array.dtype.kind in "iu":
        return np.array(array, np.int64, order="C")
    wide = np.asarray(array, np.float64)
    finite = np.where(np.isfinite(wide), np.clip(wide, -float(_LIMITS.max), float(_LIMITS.max)), wide)
    tiny = np.where((finite != 0) & (np.abs(finite) < _LIMITS.tiny), np.sign(finite) * float(_LIMITS.tiny), finite)
    return np.array(tiny, np.float32, order="C")
