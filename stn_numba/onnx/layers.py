"""Operators of ONNX for each layer, except spatial transformers.

Images are (N, H, W, C) between layers. The operators take (N, C, H, W): layers convert there and back, and `Graph` drops the
conversions that cancel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from stn_numba.nn import layers
from stn_numba.nn.engine.conv.spec import Window
from stn_numba.nn.layers import Layer
from stn_numba.onnx.network_graph import Exporter, NetworkGraph

__all__ = ["EXPORTERS", "dense"]


def _chain(graph: NetworkGraph, layer: layers.Chain, x: str) -> str:
    for name, inner in layer.layers.items():
        x = graph.layer(inner, x, name)
    return x


def _parallel(graph: NetworkGraph, layer: layers.Parallel, x: str) -> str:
    outputs = [graph.layer(inner, x, name) for name, inner in layer.layers.items()]
    if isinstance(layer, layers.Heads):
        graph.heads[id(layer)] = dict(zip(layer.layers, outputs, strict=True))
    sizes = [graph.size_of(y) for y in outputs]
    ndim = len(sizes[0]) + 1
    joined = graph.node("Concat", *(graph.channels_first(y, ndim) for y in outputs), axis=1)
    return graph.passed_on(graph.channels_last(joined, ndim), (*sizes[0][:-1], sum(size[-1] for size in sizes)))


def dense(graph: NetworkGraph, layer: layers.Dense, x: str) -> str:
    """Add a dense layer."""
    weight, bias = (graph.constant(layer.params[name], name) for name in ("weight", "bias"))
    return graph.passed_on(graph.node("Gemm", x, weight, bias), (layer.units,))


def _conv2d(graph: NetworkGraph, layer: layers.Conv2d, x: str) -> str:
    weight = graph.constant(layer.params["weight"].transpose(3, 2, 0, 1), "weight")
    bias = graph.constant(layer.params["bias"], "bias")
    y = graph.node("Conv", graph.channels_first(x), weight, bias, **_window(layer.window))
    return graph.passed_on(graph.channels_last(y), layer.out_shape(graph.size_of(x)))


def _max_pool(graph: NetworkGraph, layer: layers.MaxPool, x: str) -> str:
    y = graph.node("MaxPool", graph.channels_first(x), **_window(layer.window))
    return graph.passed_on(graph.channels_last(y), layer.out_shape(graph.size_of(x)))


def _avg_pool(graph: NetworkGraph, layer: layers.AvgPool, x: str) -> str:
    y = graph.node("AveragePool", graph.channels_first(x), count_include_pad=0, **_window(layer.window))
    return graph.passed_on(graph.channels_last(y), layer.out_shape(graph.size_of(x)))


def _window(window: Window) -> dict[str, list[int]]:
    """Return the attributes of a convolution or of pooling."""
    (top, bottom), (left, right) = window.sides
    return {"kernel_shape": list(window.size), "strides": list(window.stride), "pads": [top, left, bottom, right]}


def _batch_norm(graph: NetworkGraph, layer: layers.BatchNorm, x: str) -> str:
    size = graph.size_of(x)
    named = {**layer.params, **layer.state}
    arrays = [graph.constant(named[name], name) for name in ("scale", "shift", "mean", "variance")]
    first = graph.channels_first(x, len(size) + 1)
    y = graph.node("BatchNormalization", first, *arrays, epsilon=layer.epsilon)
    return graph.passed_on(graph.channels_last(y, len(size) + 1), size)


def _relu(graph: NetworkGraph, layer: layers.ReLU, x: str) -> str:
    return _elementwise(graph, x, "Relu")


def _rescale(graph: NetworkGraph, layer: layers.Rescale, x: str) -> str:
    y = _elementwise(graph, x, "Mul", layer.scale)
    return _elementwise(graph, y, "Add", layer.offset) if layer.offset else y


def _elementwise(graph: NetworkGraph, x: str, operator: str, *others: float) -> str:
    size = graph.size_of(x)
    y = graph.node(operator, graph.channels_first(x, len(size) + 1), *others)
    return graph.passed_on(graph.channels_last(y, len(size) + 1), size)


def _center(graph: NetworkGraph, layer: layers.Center, x: str) -> str:
    size = graph.size_of(x)
    first = graph.channels_first(x, len(size) + 1)
    mean = graph.node("ReduceMean", first, list(range(1, len(size) + 1)), keepdims=1)
    return graph.passed_on(graph.channels_last(graph.node("Sub", first, mean), len(size) + 1), size)


def _flatten(graph: NetworkGraph, layer: layers.Flatten, x: str) -> str:
    return graph.passed_on(graph.node("Flatten", x, axis=1), (math.prod(graph.size_of(x)),))


def _dropout(graph: NetworkGraph, layer: layers.Dropout, x: str) -> str:
    return x  # nothing is dropped outside training


EXPORTERS: Mapping[type[Layer], Exporter] = {
    layers.AvgPool: _avg_pool,
    layers.BatchNorm: _batch_norm,
    layers.Center: _center,
    layers.Chain: _chain,
    layers.Conv2d: _conv2d,
    layers.Dense: dense,
    layers.Dropout: _dropout,
    layers.Flatten: _flatten,
    layers.MaxPool: _max_pool,
    layers.Parallel: _parallel,
    layers.ReLU: _relu,
    layers.Rescale: _rescale,
}
