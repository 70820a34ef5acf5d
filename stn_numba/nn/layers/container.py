"""Layers that consist of other layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from stn_numba._util.arrays import as_array
from stn_numba._util.representation import argument_names
from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.layers.base import Layer, Named
from stn_numba.nn.layers.fusion.segments import FusedSegment, segments_of

__all__ = [
    "Container", "Parameters", "all_layers", "expect_distinct", "expect_layer", "joined", "leaves", "needs_whole_batch",
    "numbered",
]  # fmt: skip


class Container(Layer):
    """A layer that contains others; their parameters and their state are its own, under dotted names.

    Attributes
    ----------
    layers : dict of Layer
        The layers inside, by the name that is put before those of their parameters.
    """

    layers: dict[str, Layer]

    @property
    def params(self) -> Arrays:
        """The current parameters of all layers inside; assigning to one writes into its array."""
        return Parameters(
            {f"{name}.{key}": array for name, layer in self.layers.items() for key, array in layer.params.items()}
        )

    @property
    def state(self) -> Arrays:
        """The current state of all layers inside; assigning to a name writes into its array."""
        inner = {f"{name}.{key}": array for name, layer in self.layers.items() for key, array in layer.state.items()}
        return Parameters(inner, "state")

    def output_shape_of(self, name: str) -> Size | None:
        """Return the shape of an inner layer's output, without the batch axis; None if `initialize` did not note it."""
        sizes: dict[str, Size] = vars(self).get("_sizes", {})
        return sizes.get(name)

    def _initialize_inner(self, name: str, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike) -> Size:
        """Initialize an inner layer, and note the shape of its output."""
        size = self.layers[name].initialize(input_shape, rng, dtype)
        self._sizes = {**vars(self).get("_sizes", {}), name: size}
        return size

    def _segments_of(self, named: list[Named]) -> list[FusedSegment]:
        """Cut layers into segments, once for the same layers."""
        cached = vars(self).get("_cached_segments")
        if cached is None or cached[0] != named:
            cached = self._cached_segments = named, segments_of(named)
        return cached[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_cached_segments"}  # a copy plans for itself

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers.values()))})"

    def config(self) -> dict[str, Any]:
        """Return the classes and options of the layers; a constructor with arguments by name gets these instead."""
        if argument_names(type(self)):
            return super().config()
        return {"layers": [layer.describe() for layer in self.layers.values()]}


class Parameters(dict[str, Floats]):
    """Arrays that layers use: assigning to a name writes into its array, so that no layer keeps an old one.

    Errors call the dict `what`: ``"params"``, or ``"state"``.

    Examples
    --------
    >>> bias = np.zeros(2)
    >>> params = Parameters({"dense1.bias": bias})
    >>> params["dense1.bias"] += 1
    >>> params["dense1.bias"] = [3.0, 4.0]
    >>> bias.tolist()
    [3.0, 4.0]
    """

    def __init__(self, arrays: Arrays, what: str = "params") -> None:
        super().__init__(arrays)
        self.what = what

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        self.update({name: value})

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Write several arrays, or none if one of them cannot be written."""
        checked = {name: self._checked(name, value) for name, value in dict(*args, **kwargs).items()}
        for name, value in checked.items():
            if value is not self[name]:
                self[name][...] = value

    def _checked(self, name: str, value: ArrayLike) -> Floats:
        """Return the array to be written."""
        if name not in self:
            raise KeyError(f"{self.what}: expected one of {', '.join(self)}, got {name!r}")
        array, label = self[name], f"{self.what}[{name!r}]"
        if value is array:
            return array
        given = as_array(value, label)
        if given.shape != array.shape:
            raise ValueError(f"{label}: expected {array.shape}, got {given.shape}")
        if given.dtype.kind not in "biuf":
            raise TypeError(f"{label}: expected real numbers, got dtype {given.dtype}")
        if not array.flags.writeable:
            raise ValueError(f"{label}: expected an array that can be written to, and the layer's is read-only: give it a copy")
        return given

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def joined(name: str, inner: str) -> str:
    """Return a dotted name; either part may be empty."""
    return f"{name}.{inner}" if name and inner else name or inner


def numbered(layers: tuple[Layer, ...]) -> dict[str, Layer]:
    """Name layers by their class and a running number: ``conv2d1``, ``dense2``."""
    count: Counter[str] = Counter()
    named: dict[str, Layer] = {}
    for place, layer in enumerate(layers, 1):
        kind = type(expect_layer(layer, f"layer {place}")).__name__.lower()
        count[kind] += 1
        named[f"{kind}{count[kind]}"] = layer
    return named


def expect_layer(value: Any, name: str) -> Layer:
    """Return `value` if it is a layer."""
    if not isinstance(value, Layer):
        kind = f"the class {value.__name__} itself" if isinstance(value, type) else type(value).__name__
        raise TypeError(f"{name}: expected a layer, got {kind}")
    return value


def expect_distinct(network: Layer) -> None:
    """Reject a network that contains a layer with parameters at two places: its gradients would count as those of two."""
    places: dict[int, str] = {}
    for name, layer in leaves(network):
        first = places.setdefault(id(layer), name)
        if layer.params and first != name:
            raise ValueError(f"network: the same {type(layer).__name__} stands at {first} and {name}; make one for each place")


def all_layers(layer: Layer, name: str = "") -> Iterator[Named]:
    """Yield (dotted name, layer) of a layer and of all layers inside, at any depth."""
    yield name, layer
    for inner, each in layer.layers.items() if isinstance(layer, Container) else ():
        yield from all_layers(each, joined(name, inner))


def leaves(network: Layer) -> Iterator[Named]:
    """Yield (dotted name, layer) of all layers inside that are no containers."""
    return ((name, layer) for name, layer in all_layers(network) if not isinstance(layer, Container))


def needs_whole_batch(network: Layer) -> bool:
    """Whether a network must be trained on each batch as a whole: a layer in it looks at all images, or has state.

    State would otherwise depend on which part of a batch comes first.
    """
    if network.whole_batch:
        return True
    if isinstance(network, Container):  # whose own `state` is made anew each time, and this is asked in every step
        return any(map(needs_whole_batch, network.layers.values()))
    return bool(network.state)
