"""Layers as plain data and back, by a table of known classes: reading a description runs no foreign code."""

from __future__ import annotations

from typing import Any

from stn_numba.nn import layers
from stn_numba.nn.layers import Chain, Heads, Layer, Parallel, SpatialTransformer
from stn_numba.nn.layers.container import all_layers

__all__ = ["LAYERS", "build", "expect_known"]

LAYERS: dict[str, type[Layer]] = {name: getattr(layers, name) for name in layers.__all__ if name != "Layer"}


def expect_known(network: Layer) -> None:
    """Reject networks with layers of other classes, at any depth."""
    for _, layer in all_layers(network):
        name = type(layer).__name__
        if LAYERS.get(name) is not type(layer):
            raise ValueError(f"layer: expected one of {', '.join(LAYERS)} to describe, got {name}")


def build(description: Any) -> Layer:
    """Make the layer that `Layer.describe` described, without parameters."""
    if not isinstance(description, dict) or description.get("layer") not in LAYERS:
        raise ValueError(f"layer: expected a description of one of {', '.join(LAYERS)}, got {description!r:.80}")
    options = {key: value for key, value in description.items() if key != "layer"}
    layer = LAYERS[description["layer"]]
    if layer in (Chain, Parallel):
        return layer(*(build(inner) for inner in options["layers"]))
    if layer is Heads:
        return Heads(**dict(zip(options["names"], map(build, options["layers"]), strict=True)))
    if layer is SpatialTransformer:
        options["localisation"] = build(options["localisation"])
    return layer(**options)
