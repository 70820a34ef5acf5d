"""Networks made of layers that have parameters already: these are kept, in copies."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Arrays, Size
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import Container, leaves

__all__ = ["draw_missing", "own_copy", "unchanged_on_failure"]

AnyLayer = TypeVar("AnyLayer", bound=Layer)


def own_copy(network: AnyLayer) -> AnyLayer:
    """Return a network in which layers that have parameters are replaced by copies; new layers stay the same objects.

    A network of new layers only is returned as it is. Transforms are shared.

    Raises
    ------
    TypeError
        If a layer cannot be copied.
    """
    shared = list(_shared(network))
    if shared and shared[0] is network:
        return network
    try:
        return copy.deepcopy(network, {id(each): each for each in shared if each is not None})
    except Exception as error:  # whatever `copy.deepcopy` runs into inside somebody's layer
        raise TypeError(f"network: expected layers that can be copied, since some have parameters already: {error}") from error


def draw_missing(network: Layer, input_shape: Size, rng: np.random.Generator, dtype: np.dtype[Any]) -> Size:
    """Draw the parameters of layers that have none and keep those that are there, in `dtype`; return the output's shape.

    Raises
    ------
    TypeError, ValueError
        If parameters that are there do not fit the input.
    """
    kept = [(name, layer, {key: np.array(array) for key, array in _params(layer).items()}) for name, layer in leaves(network)]
    output = network.initialize(input_shape, rng, dtype)
    for name, layer, params in kept:
        for key, array in params.items():
            _put_back(layer, key, array, f"{name}.{key}" if name else key)
    return output


@contextlib.contextmanager
def unchanged_on_failure(network: Layer) -> Iterator[None]:
    """Leave layers as they were if an exception is raised: new ones stay without parameters."""
    before = [(layer, dict(vars(layer))) for layer in _all(network)]
    try:
        yield
    except BaseException:
        for layer, attributes in before:
            vars(layer).clear()
            vars(layer).update(attributes)
        raise


def _put_back(layer: Layer, key: str, old: NDArray[Any], name: str) -> None:
    """Write a parameter that was there over the one that was drawn in its place."""
    if key not in layer.params:
        raise ValueError(f"network: expected {type(layer).__name__} to have no parameter {name!r}, got one: make a new layer")
    new = layer.params[key]
    if old.shape != new.shape:
        raise ValueError(
            f"network: parameter {name!r}: expected {new.shape} for this input, and the layer already has one of {old.shape}; "
            f"make a new {type(layer).__name__} for this place"
        )
    if old.dtype.kind not in "fiu":
        raise TypeError(f"network: parameter {name!r}: expected real numbers, got dtype {old.dtype}")
    new[...] = old


def _params(layer: Layer) -> Arrays:
    """The parameters that a layer has already; a layer of somebody's own may not be able to tell before it is initialized."""
    try:
        return layer.params
    except (AttributeError, LookupError, TypeError):
        return {}


def _shared(layer: Layer) -> Iterator[Any]:
    """What a copy has in common with the network: layers without any parameters, and transforms."""
    if not any(_params(leaf) for _, leaf in leaves(layer)):
        yield layer
        return
    yield vars(layer).get("transform")
    for inner in layer.layers.values() if isinstance(layer, Container) else ():
        yield from _shared(inner)


def _all(layer: Layer) -> Iterator[Layer]:
    yield layer
    for inner in layer.layers.values() if isinstance(layer, Container) else ():
        yield from _all(inner)
