"""The layers of a model that have weights, and what `Flatten` makes of the axes before them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from stn_numba.nn import Chain, Layer, Model, Parallel, SpatialTransformer
from stn_numba.nn.layers.container import joined

__all__ = ["Place", "places_of"]

Shape = tuple[int, ...]
Blocks = tuple[Shape, ...]  # the shapes of arrays that stand one after another in a vector; one for features with axes


class Place(NamedTuple):
    """A layer with weights.

    Attributes
    ----------
    name : str
        Its dotted name in the model.
    layer : Layer
    blocks : tuple of shapes
        What it reads: (H, W, C) also where a `Flatten` made it a vector, and several shapes where `Parallel` joined vectors.
    """

    name: str
    layer: Layer
    blocks: Blocks


def places_of(model: Model) -> dict[str, Place]:
    """Return the layers of a model that have weights, by name, in the order of the data."""
    image = np.zeros((1, *model.input_shape), model.dtype)
    outputs = {name: output.shape[1:] for name, _, output in model.network.trace(image)}
    places: dict[str, Place] = {}
    _walk(model.network, "", (model.input_shape,), outputs, places)
    return places


def _walk(layer: Layer, name: str, blocks: Blocks, outputs: dict[str, Shape], places: dict[str, Place]) -> Blocks:
    """Add the places inside a layer that reads `blocks`, and return what it makes of them."""
    if isinstance(layer, Chain):
        for inner, each in layer.layers.items():
            blocks = _walk(each, joined(name, inner), blocks, outputs, places)
        return blocks
    if isinstance(layer, SpatialTransformer):
        features = _walk(layer.localisation, joined(name, "localisation"), blocks, outputs, places)
        _walk(layer.theta_layer, joined(name, "localisation.theta"), features, outputs, places)
        return (outputs[name],)
    if isinstance(layer, Parallel):
        parts = [_walk(each, joined(name, inner), blocks, outputs, places) for inner, each in layer.layers.items()]
        return tuple(block for part in parts for block in part) if len(outputs[name]) == 1 else (outputs[name],)
    if layer.params or layer.state:
        places[name] = Place(name, layer, blocks)
    # a layer that keeps the size of a vector keeps the order of its numbers, unless it mixes them as a dense layer does
    is_vector = outputs[name] == (sum(math.prod(block) for block in blocks),)
    return blocks if is_vector and "weight" not in layer.params else (outputs[name],)
