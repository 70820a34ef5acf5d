"""Layers made of other layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from stn_numba.nn.layer import Arrays, Floats, Layer, Named

if TYPE_CHECKING:
    from stn_numba.nn.fusion import Run

__all__ = ["Container", "Parameters", "expect_distinct", "expect_layer", "numbered"]


class Container(Layer):
    """A layer that holds others; their parameters are its own, under dotted names.

    Attributes
    ----------
    layers
        The layers inside, by the name that is put before those of their parameters.
    """

    layers: dict[str, Layer]

    @property
    def params(self) -> Arrays:
        """The parameters of all layers inside, as they are now; what is assigned to one is written into its array."""
        return Parameters(
            {f"{name}.{key}": array for name, layer in self.layers.items() for key, array in layer.params.items()}
        )

    def _runs_of(self, named: list[Named]) -> list[Run]:
        """Layers cut into runs; once, as long as they are the same layers."""
        from stn_numba.nn import fusion

        kept = vars(self).get("_kept")
        if kept is None or kept[0] != named:
            kept = self._kept = named, fusion.runs(named)
        return kept[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_kept"}  # a copy works them out for itself

    def config(self) -> dict[str, Any]:
        """Return the layers' classes and options."""
        from stn_numba.nn.architecture import describe

        return {"layers": [describe(layer) for layer in self.layers.values()]}


class Parameters(dict[str, Floats]):
    """Arrays that layers use: assigning to a name writes into its array, and leaves no layer with an old one.

    Examples
    --------
    >>> bias = np.zeros(2)
    >>> params = Parameters({"dense1.bias": bias})
    >>> params["dense1.bias"] += 1
    >>> params["dense1.bias"] = [3.0, 4.0]
    >>> bias.tolist()
    [3.0, 4.0]
    """

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        if name not in self:
            raise KeyError(f"params: expected one of {', '.join(self)}, got {name!r}")
        array = self[name]
        if np.shape(value) != array.shape:
            raise ValueError(f"params[{name!r}]: expected {array.shape}, got {np.shape(value)}")
        if value is not array:
            array[...] = value

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Write several."""
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


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
    """Refuse a network in which one layer with parameters stands at two places: its gradients would be taken for two."""
    places: dict[int, str] = {}
    for name, layer in _leaves(network, ""):
        first = places.setdefault(id(layer), name)
        if layer.params and first != name:
            raise ValueError(f"network: the same {type(layer).__name__} stands at {first} and {name}; make one for each place")


def _leaves(layer: Layer, name: str) -> Iterator[tuple[str, Layer]]:
    if not isinstance(layer, Container):
        yield name, layer
        return
    for inner, each in layer.layers.items():
        yield from _leaves(each, f"{name}.{inner}" if name else inner)
