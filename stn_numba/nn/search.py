"""Find the spatial transformers in a network, and what they see."""

from __future__ import annotations

from collections.abc import Iterator

from stn_numba.nn.chain import Chain
from stn_numba.nn.layer import Floats, Layer
from stn_numba.nn.parallel import Parallel
from stn_numba.nn.spatial_transformer import SpatialTransformer

__all__ = ["input_of", "transformers_in"]


def transformers_in(layer: Layer) -> Iterator[SpatialTransformer]:
    """Yield the transformers in the order of the data; those inside a localisation network are left out."""
    if isinstance(layer, SpatialTransformer):
        yield layer
    elif isinstance(layer, Chain | Parallel):
        for inner in layer.layers.values():
            yield from transformers_in(inner)


def input_of(transformer: SpatialTransformer, layer: Layer, x: Floats) -> Floats:
    """Return what a transformer inside `layer` gets when the layer gets x."""
    if not isinstance(layer, Chain | Parallel):
        return x
    for inner in layer.layers.values():
        if transformer in transformers_in(inner):
            return input_of(transformer, inner, x)
        if isinstance(layer, Chain):
            x = inner.forward(x)[0]
    raise ValueError("transformer: it is not in this layer")
