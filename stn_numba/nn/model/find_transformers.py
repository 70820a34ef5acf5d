"""Find the spatial transformers in a network, their inputs and their parameters."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from stn_numba.nn.arrays import Floats
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.container import joined
from stn_numba.nn.layers.parallel import Parallel
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer

__all__ = ["chosen_transformer", "input_of", "named_transformers", "thetas"]

Found = tuple[str, SpatialTransformer]


def named_transformers(layer: Layer, name: str = "", *, inside: bool = False) -> Iterator[Found]:
    """Yield (dotted name, transformer) in the order of the data; with `inside` also those in localisation networks."""
    if isinstance(layer, SpatialTransformer):
        if inside:
            yield from named_transformers(layer.localisation, joined(name, "localisation"), inside=True)
        yield name, layer
    elif isinstance(layer, Chain | Parallel):
        for inner, each in layer.layers.items():
            yield from named_transformers(each, joined(name, inner), inside=inside)


def chosen_transformer(network: Layer, which: Any) -> Found:
    """Return the name and the transformer that a number or a dotted name means; the error lists those that exist."""
    found, by_name = list(named_transformers(network)), dict(named_transformers(network, inside=True))
    if isinstance(which, str):
        if which in by_name:
            return which, by_name[which]
    elif isinstance(which, bool) or not hasattr(which, "__index__"):
        raise TypeError(f"transformer: expected a number or a name, got {which!r:.60}")
    elif -len(found) <= operator.index(which) < len(found):
        return found[operator.index(which)]
    if not by_name:
        raise ValueError(
            f"model: it has no spatial transformer in its chain, or in a Chain or Parallel there{_hidden(network)}"
        )
    numbers = {name: f"{number} or " for number, (name, _) in enumerate(found)}
    choices = ", ".join(f"{numbers.get(name, '')}{name!r} ({layer.transform_label})" for name, layer in by_name.items())
    raise ValueError(f"transformer: expected {choices}, got {which!r:.60}{_hidden(network)}")


def input_of(transformer: SpatialTransformer, layer: Layer, x: Floats) -> Floats:
    """Return the input of a transformer inside `layer` when the layer gets x."""
    if layer is transformer or not isinstance(layer, Chain | Parallel | SpatialTransformer):
        return x
    if isinstance(layer, SpatialTransformer):
        return input_of(transformer, layer.localisation, x)
    for inner in layer.layers.values():
        if any(each is transformer for _, each in named_transformers(inner, inside=True)):
            return input_of(transformer, inner, x)
        if isinstance(layer, Chain):
            x = inner.forward(x)[0]
    raise ValueError("transformer: it is not in this layer")


def thetas(layer: Layer, x: Floats, name: str = "") -> Iterator[tuple[str, SpatialTransformer, Floats]]:
    """Yield (dotted name, transformer, theta) of all transformers, in the order of the data, when the layer gets x.

    Images are sampled only if another transformer comes later.
    """
    if isinstance(layer, SpatialTransformer):
        yield from thetas(layer.localisation, x, joined(name, "localisation"))
        yield name, layer, layer.theta(x)
    elif isinstance(layer, Parallel):
        for inner, each in layer.layers.items():
            yield from thetas(each, x, joined(name, inner))
    elif isinstance(layer, Chain):
        places = [place for place, each in enumerate(layer.layers.values()) if any(named_transformers(each, inside=True))]
        for place, (inner, each) in enumerate(layer.layers.items()):
            if place > max(places, default=-1):
                break
            yield from thetas(each, x, joined(name, inner))
            if place < max(places):
                x = _output(each, x)


def _output(layer: Layer, x: Floats) -> Floats:
    """Return a layer's output, with the kernels of training, which are compiled already."""
    if isinstance(layer, SpatialTransformer):
        return layer.sample(x, layer.theta(x), training=True)
    return layer.forward(x)[0]


def _hidden(network: Layer) -> str:
    """Name custom layers that contain transformers, whose input is unknown."""
    names = [name for name, layer in _custom_layers(network, "") if _contains_transformer(layer)]
    return f"; a transformer inside {', '.join(map(repr, names))}, a layer of your own, cannot be asked" if names else ""


def _custom_layers(layer: Layer, name: str) -> Iterator[tuple[str, Layer]]:
    """Yield the layers of which it is not known what their inner layers get."""
    if not isinstance(layer, Chain | Parallel | SpatialTransformer):
        yield name, layer
        return
    for inner, each in layer.layers.items():
        yield from _custom_layers(each, joined(name, inner))


def _contains_transformer(layer: Layer) -> bool:
    """Whether a transformer is among a layer's attributes, at any depth of layers, lists and dicts."""
    waiting, seen = list(vars(layer).values()), {id(layer)}
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, SpatialTransformer):
            return True
        if isinstance(value, Layer | dict):
            waiting += (value if isinstance(value, dict) else vars(value)).values()
        elif isinstance(value, list | tuple):
            waiting += value
    return False
