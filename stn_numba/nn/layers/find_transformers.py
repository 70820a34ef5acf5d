"""Find the spatial transformers in a network, and what they see."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

from stn_numba.nn.arrays import Floats
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.parallel import Parallel
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer

__all__ = ["chosen_transformer", "input_of", "named_transformers", "thetas", "transformers_in"]

Found = tuple[str, SpatialTransformer]


def transformers_in(layer: Layer) -> Iterator[SpatialTransformer]:
    """Yield the transformers in the order of the data; those inside localisation networks are left out."""
    for _, transformer in named_transformers(layer):
        yield transformer


def named_transformers(layer: Layer, name: str = "", *, inside: bool = False) -> Iterator[Found]:
    """Yield (dotted name, transformer) in the order of the data; with `inside` also those inside localisation networks."""
    if isinstance(layer, SpatialTransformer):
        if inside:
            yield from named_transformers(layer.localisation, _joined(name, "localisation"), inside=True)
        yield name, layer
    elif isinstance(layer, Chain | Parallel):
        for inner, each in layer.layers.items():
            yield from named_transformers(each, _joined(name, inner), inside=inside)


def chosen_transformer(network: Layer, which: Any) -> Found:
    """Return the name and the transformer that an argument `transformer` means: a number or a dotted name.

    Raises
    ------
    ValueError
        If there is no such transformer; the message lists those that there are.
    TypeError
        If it is neither a whole number nor a text.
    """
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
    raise ValueError(f"transformer: expected {_choices(found, list(by_name.items()))}, got {which!r:.60}{_hidden(network)}")


def input_of(transformer: SpatialTransformer, layer: Layer, x: Floats) -> Floats:
    """Return what a transformer inside `layer` gets when the layer gets x."""
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

    Nothing is done that no theta depends on: an image is read only where another transformer comes later.
    """
    if isinstance(layer, SpatialTransformer):
        yield from thetas(layer.localisation, x, _joined(name, "localisation"))
        yield name, layer, layer.theta(x)
    elif isinstance(layer, Parallel):
        for inner, each in layer.layers.items():
            yield from thetas(each, x, _joined(name, inner))
    elif isinstance(layer, Chain):
        places = [place for place, each in enumerate(layer.layers.values()) if any(named_transformers(each, inside=True))]
        for place, (inner, each) in enumerate(layer.layers.items()):
            if place > max(places, default=-1):
                break
            yield from thetas(each, x, _joined(name, inner))
            if place < max(places):
                x = _output(each, x)


def _output(layer: Layer, x: Floats) -> Floats:
    """What a layer makes of x, transformers reading as they do in training: by kernels that are there already."""
    if isinstance(layer, SpatialTransformer):
        return layer.sample(x, layer.theta(x), training=True)
    return layer.forward(x)[0]


def _joined(name: str, inner: str) -> str:
    return f"{name}.{inner}" if name else inner


def _choices(found: Sequence[Found], named: Sequence[Found]) -> str:
    """Numbers and names to choose from, each with its transform."""
    numbers = {name: str(number) for number, (name, _) in enumerate(found)}
    each = [f"{numbers[name]} or {name!r}" if name in numbers else repr(name) for name, _ in named]
    transforms = [layer.transform_name or type(layer.transform).__name__ for _, layer in named]
    return ", ".join(f"{choice} ({transform})" for choice, transform in zip(each, transforms, strict=True))


def _hidden(network: Layer) -> str:
    """Where transformers lie that cannot be asked, because a layer of somebody's own holds them."""
    foreign = _foreign(network, "")
    names = [name for name, layer in foreign if any(isinstance(each, SpatialTransformer) for each in _held(layer))]
    return f"; a transformer inside {', '.join(map(repr, names))}, a layer of your own, cannot be asked" if names else ""


def _foreign(layer: Layer, name: str) -> Iterator[tuple[str, Layer]]:
    """Yield the layers of which it is not known what their inner layers get."""
    if not isinstance(layer, Chain | Parallel | SpatialTransformer):
        yield name, layer
        return
    for inner, each in layer.layers.items():
        yield from _foreign(each, _joined(name, inner))


def _held(layer: Layer) -> Iterator[Layer]:
    """Yield the layers among a layer's attributes, at any depth of layers, lists and dicts."""
    waiting, seen = list(vars(layer).values()), {id(layer)}
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Layer):
            yield value
            waiting += vars(value).values()
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
