"""A graph that knows layers: it finds what exports each of them, and names those that it cannot export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stn_numba.nn.arrays import Size
from stn_numba.nn.layers import Layer
from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.graph import Graph

__all__ = ["Exporter", "NetworkGraph"]

Exporter = Callable[["NetworkGraph", Any, str], str]
"""``export(graph, layer, x) -> y``: add the nodes of a layer; x and y are names of values (N, ...) as layers pass them on."""


class NetworkGraph(Graph):
    """The graph of a network; a custom layer gets it in its method ``export_onnx(graph, x)``.

    Parameters
    ----------
    exporters : dict
        What exports the layers of each class.

    Attributes
    ----------
    sizes : dict of tuple of int
        Sizes (H, W, C) or (D,) of values that layers pass on, without the batch axis, by name.
    thetas : dict of str
        Names of the parameters of spatial transformers, by the id of the layer.
    transformed : dict of str
        Names of the outputs of spatial transformers, by the id of the layer.
    heads : dict of dict of str
        Names of the outputs of heads, by the id of the layer `Heads` and by the name of the head.

    Examples
    --------
    A layer of your own that can be exported:

    >>> from stn_numba.nn import Layer
    >>> class Softplus(Layer):
    ...     def forward(self, x, rng=None):
    ...         return np.logaddexp(x, 0), lambda dy, *, input_gradient=True: (dy / (1 + np.exp(-x)), {})
    ...
    ...     def export_onnx(self, graph, x):
    ...         return graph.node("Softplus", x)
    >>> graph = NetworkGraph({})
    >>> graph.sizes["x"] = (3,)
    >>> graph.layer(Softplus(), "x", "softplus1")
    'softplus1.Softplus'
    """

    def __init__(self, exporters: Mapping[type[Layer], Exporter]) -> None:
        super().__init__()
        self._exporters = exporters
        self.sizes: dict[str, Size] = {}
        self.thetas: dict[int, str] = {}
        self.transformed: dict[int, str] = {}
        self.heads: dict[int, dict[str, str]] = {}

    def layer(self, layer: Layer, x: str, name: str) -> str:
        """Add the nodes of a layer, and return the name of its output.

        Parameters
        ----------
        layer : Layer
            Such as one inside a layer of your own.
        x : str
            Name of its input, a value that a layer got or returned.
        name : str
            Name of the layer, put before those of its nodes; "" for none.

        Raises
        ------
        ExportError
            If the layer cannot be exported; the message has its dotted name.
        """
        with self.inside(name):
            own = getattr(layer, "export_onnx", None)
            if own is None:
                return self._exporter_of(layer)(self, layer, x)
            y = own(self, x)
            if not isinstance(y, str):
                raise self.refusal(layer, f"its export_onnx has to return the name of a value, got {type(y).__name__}")
            self.sizes.setdefault(y, self._size_after(layer, self.size_of(x)))
            return y

    def passed_on(self, y: str, size: Size) -> str:
        """Return the name of a layer's output, after its size was noted."""
        self.sizes[y] = tuple(size)
        return y

    def size_of(self, x: str) -> Size:
        """Return the size of a value that layers pass on, without the batch axis."""
        if x not in self.sizes:
            raise ExportError(
                f"x: expected the input or the output of a layer, whose size is known, got {x!r}; note it first: "
                "graph.sizes[x] = (H, W, C)"
            )
        return self.sizes[x]

    def refusal(self, layer: Layer, reason: str) -> ExportError:
        """Return the error for the layer that is being exported."""
        return ExportError(f"layer {self.place!r} ({type(layer).__name__}) cannot be exported to ONNX: {reason}")

    def _exporter_of(self, layer: Layer) -> Exporter:
        """Return what exports a layer: that of its class, or of a base class whose `forward` it has kept."""
        kinds: tuple[type[Any], ...] = type(layer).__mro__
        for kind in kinds:
            if kind in self._exporters and type(layer).forward is kind.forward:
                return self._exporters[kind]
        raise self.refusal(
            layer,
            f"give the class a method export_onnx(self, graph, x) that returns the name of its output, as in "
            f"`return graph.node('Tanh', x)`; see {NetworkGraph.__module__}.NetworkGraph",
        )

    def _size_after(self, layer: Layer, size: Size) -> Size:
        """Return the size of a custom layer's output."""
        return layer.forward(np.zeros((1, *size), np.float32))[0].shape[1:]
