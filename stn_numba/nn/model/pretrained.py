"""Build networks from layers that have parameters or state already: copy these layers, and initialize the others."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Arrays, Size
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import Container, all_layers, joined, leaves

__all__ = ["copy_pretrained", "initialize_missing", "rollback_on_failure"]

AnyLayer = TypeVar("AnyLayer", bound=Layer)

_KINDS = {"params": "parameter", "state": "state"}  # attributes of a layer, and what errors call one of their arrays


def copy_pretrained(network: AnyLayer) -> AnyLayer:
    """Return a network in which layers with parameters or state are replaced by copies; new layers stay the same objects.

    A network of new layers only is returned as it is. Transforms are shared.
    """
    shared = list(_shared(network))
    if shared and shared[0] is network:
        return network
    try:
        return copy.deepcopy(network, {id(each): each for each in shared if each is not None})
    except Exception as error:  # whatever copying a custom layer raises
        raise TypeError(f"network: expected layers that can be copied, since some have parameters already: {error}") from error


def initialize_missing(network: Layer, input_shape: Size, rng: np.random.Generator, dtype: np.dtype[Any]) -> Size:
    """Initialize layers without parameters, convert existing ones and state to new arrays, and return the output's shape.

    Parameters become arrays of `dtype`, and state becomes arrays of the dtypes that a layer chooses for it.
    """
    kept = [
        (layer, kind, key, np.array(array), joined(name, key))
        for name, layer in leaves(network)
        for kind in _KINDS
        for key, array in _existing(layer, kind).items()
    ]
    output = network.initialize(input_shape, rng, dtype)
    for layer, kind, key, array, name in kept:
        _put_back(layer, kind, key, array, name)
    return output


@contextlib.contextmanager
def rollback_on_failure(network: Layer) -> Iterator[None]:
    """Restore all layers if the block raises: new ones stay without parameters."""
    before = [(layer, dict(vars(layer))) for _, layer in all_layers(network)]
    try:
        yield
    except BaseException:
        for layer, attributes in before:
            vars(layer).clear()
            vars(layer).update(attributes)
        raise


def _put_back(layer: Layer, kind: str, key: str, old: NDArray[Any], name: str) -> None:
    """Write an existing array over the one that was made in its place."""
    noun, arrays = _KINDS[kind], getattr(layer, kind)
    if key not in arrays:
        raise ValueError(f"network: expected {type(layer).__name__} to have no {noun} {name!r}, got one: make a new layer")
    new = arrays[key]
    if old.shape != new.shape:
        raise ValueError(
            f"network: {noun} {name!r}: expected {new.shape} for this input, and the layer already has one of {old.shape}; "
            f"make a new {type(layer).__name__} for this place"
        )
    if old.dtype.kind not in ("fiu" if kind == "params" else "biuf"):
        raise TypeError(f"network: {noun} {name!r}: expected real numbers, got dtype {old.dtype}")
    new[...] = old


def _existing(layer: Layer, kind: str) -> Arrays:
    """Return a layer's parameters or state; a custom layer may fail to tell them before it is initialized."""
    try:
        arrays: Arrays = getattr(layer, kind)
        return arrays
    except (AttributeError, LookupError, TypeError):
        return {}


def _shared(layer: Layer) -> Iterator[Any]:
    """Yield what a copy shares with the network: layers without any parameters or state, and transforms."""
    if not any(_existing(leaf, kind) for _, leaf in leaves(layer) for kind in _KINDS):
        yield layer
        return
    yield from (vars(layer).get(name) for name in ("transform", "_given_transform"))
    for inner in layer.layers.values() if isinstance(layer, Container) else ():
        yield from _shared(inner)
