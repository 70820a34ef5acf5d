"""Layers as plain data and back, by tables of known classes: reading a description runs no code that the file chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from stn_numba._util.representation import argument_names
from stn_numba.nn import layers
from stn_numba.nn.layers import Chain, Heads, Layer, Parallel, SpatialTransformer
from stn_numba.nn.layers.base import NAMES
from stn_numba.nn.layers.container import all_layers

__all__ = ["LAYERS", "build", "expect_known", "is_described", "register_layer"]

LAYERS: dict[str, type[Layer]] = {name: getattr(layers, name) for name in layers.__all__ if name != "Layer"}
_own: dict[str, type[Layer]] = {}  # registered by `register_layer`
_TODAY = {"Conv2d": {"size": "kernel_size"}}  # options as version 0.1 named them in its files

Class = TypeVar("Class", bound=type[Layer])


@overload
def register_layer(layer: Class, *, name: str | None = None, overwrite: bool = False) -> Class: ...


@overload
def register_layer(layer: None = None, *, name: str | None = None, overwrite: bool = False) -> Callable[[Class], Class]: ...


def register_layer(layer: Any = None, *, name: str | None = None, overwrite: bool = False) -> Any:
    """Make models that contain a layer of your own savable, under a name; a function, or a decorator of the class.

    A model file holds the name, the layer's `config`, and its parameters and state, but no code. So a program that loads the
    file has to define and register the layer first, under the same name.

    `config` returns the arguments of the constructor by name: numbers, texts, lists, arrays (which come back as lists) or
    layers. By default these are the attributes of the same names. Check them in the constructor, since a file may hold
    anything. For a subclass of `Chain` or `Parallel` whose constructor takes layers alone, there is nothing to do.

    Parameters
    ----------
    layer : class, subclass of Layer
        The layer. Without it, the call returns a decorator.
    name : str, default None
        The name in files; None for that of the class. Choose one with the name of your project if others may use the same.
    overwrite : bool, default False
        Whether to replace another class that is registered under the name. The same class, defined again in a notebook, may
        always be registered again.

    Returns
    -------
    class
        The layer.

    Raises
    ------
    TypeError
        If `layer` is no subclass of `Layer`, or the name is no str.
    ValueError
        If the name is empty, is that of one of the library's own layers, or already stands for another class.

    Examples
    --------
    >>> import numpy as np
    >>> @register_layer(name="example.Power")
    ... class Power(Layer):
    ...     def __init__(self, exponent):
    ...         super().__init__()
    ...         self.exponent = float(exponent)
    ...
    ...     def forward(self, x, rng=None):
    ...         def backprop(dy, *, input_gradient=True):
    ...             return dy * self.exponent * x ** (self.exponent - 1) if input_gradient else None, {}
    ...
    ...         return x**self.exponent, backprop
    >>> Power(2).describe()
    {'layer': 'example.Power', 'exponent': 2.0}
    """
    if layer is None:
        return lambda given: register_layer(given, name=name, overwrite=overwrite)
    if not isinstance(layer, type) or not issubclass(layer, Layer):
        kind = f"an instance of {type(layer).__name__}" if isinstance(layer, Layer) else repr(layer)[:60]
        raise TypeError(f"layer: expected a subclass of stn_numba.nn.Layer, got {kind}")
    name = layer.__name__ if name is None else name
    if not isinstance(name, str):
        raise TypeError(f"name: expected a str, got {type(name).__name__}")
    if not name or name in LAYERS:
        raise ValueError(f"name: expected one that no layer of stn_numba has, got {name!r}")
    known = _own.get(name)
    if known is not None and not overwrite and _place(known) != _place(layer):
        raise ValueError(f"name: {name!r} already stands for {_place(known)}; choose another one, or pass overwrite=True")
    _own[name], NAMES[layer] = layer, name
    return layer


def _place(layer: type[Layer]) -> str:
    return f"{layer.__module__}.{layer.__qualname__}"


def expect_known(network: Layer) -> None:
    """Reject networks with layers that `build` could not make, at any depth."""
    for _, layer in all_layers(network):
        kind = type(layer)
        name = NAMES.get(kind, kind.__name__)
        if LAYERS.get(name) is kind:
            continue
        if _own.get(name) is not kind:
            raise ValueError(
                f"layer: expected one of {', '.join(LAYERS)}, got {name}; to save a layer of your own, register its class: "
                f"stn_numba.nn.register_layer({kind.__name__})"
            )
        config = layer.config()
        for argument in argument_names(kind):
            if argument not in config:
                raise ValueError(
                    f"layer: {kind.__name__} cannot be saved without its {argument!r}: expected an attribute of this name, "
                    "or a `config` that returns it"
                )
            if isinstance(config[argument], Layer):
                expect_known(config[argument])


def build(description: Any) -> Layer:
    """Make the layer that `Layer.describe` described, without parameters."""
    name = description.get("layer") if isinstance(description, dict) else None
    kind = (LAYERS.get(name) or _own.get(name)) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(
            f"layer: expected a description of one of {', '.join([*LAYERS, *_own])}, got {name or description!r:.80}; a layer "
            "of your own has to be registered first: stn_numba.nn.register_layer"
        )
    renamed = _TODAY.get(str(name), {})
    options = {renamed.get(key, key): value for key, value in description.items() if key != "layer"}
    if kind is Heads:
        return Heads(**dict(zip(options["names"], map(build, options["layers"]), strict=True)))
    if issubclass(kind, Chain | Parallel):
        inner = [build(each) for each in options.pop("layers")]
        return kind(*inner, **options)
    if kind is SpatialTransformer:
        options["localisation"] = build(options["localisation"])
    elif name in _own:
        options = {key: build(value) if is_described(value) else value for key, value in options.items()}
    return kind(**options)


def is_described(value: Any) -> bool:
    """Whether an option is the description of a layer."""
    return isinstance(value, dict) and isinstance(value.get("layer"), str)
