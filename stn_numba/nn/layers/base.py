"""What a layer is: a forward pass that returns its own way back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size

__all__ = ["Layer", "Named", "expect_shape", "he_normal"]

_MOST_WEIGHTS = 1 << 58  # more than an address can tell apart


class Layer(ABC):
    """A differentiable function of an input (N, ...) and of named parameters.

    A layer is made from its options, gets its parameters by `initialize`, and is then a plain function: `forward` changes
    nothing and keeps nothing, gradients are returned and not stored. A `Classifier` initializes its layers, and keeps the
    parameters of those that have some already.

    Attributes
    ----------
    params
        The parameters by name; a container's names are dotted. ``forward`` uses these very arrays, so changing one in
        place trains the layer.
    """

    fixed_options: ClassVar[tuple[str, ...]] = ()
    """Names of attributes that never change once they are set: what is planned for a layer relies on them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.fixed_options and name in vars(self):
            raise AttributeError(f"{type(self).__name__}.{name}: options are fixed once a layer is made; make a new layer")
        super().__setattr__(name, value)

    @cached_property
    def params(self) -> Arrays:
        """No parameters, until `initialize` says otherwise."""
        return _NoParameters(type(self).__name__)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw the parameters for inputs of this shape (without the batch axis); return the output's shape.

        Each call draws anew and replaces the parameters that the layer had.
        """
        return input_shape

    @abstractmethod
    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop). A generator means training: only then does dropout drop."""

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""
        return {name: getattr(self, name) for name in self.fixed_options}

    def describe(self) -> dict[str, Any]:
        """Return the class and the options, as JSON can hold them."""
        return {"layer": type(self).__name__, **self.config()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"

    def trace(self, x: Floats) -> Iterator[tuple[str, Layer, Floats]]:
        """Yield (dotted name, layer, output) of every layer inside, in the order of the data."""
        yield "", self, self.forward(x)[0]


Named = tuple[str, Layer]


class _NoParameters(dict[str, Floats]):
    """The parameters of a layer that has none yet."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer

    def __missing__(self, name: str) -> Floats:
        raise ValueError(f"{self.layer}: it has no {name} yet: call initialize, or put it into a Classifier")


def expect_shape(layer: Layer, shape: Size, ndim: int, meaning: str) -> None:
    """Refuse an input shape of the wrong number of axes, or with an axis of length zero."""
    if len(shape) != ndim or min(shape, default=1) < 1:
        raise ValueError(f"{type(layer).__name__}: expected an input of shape {meaning}, got {shape}")


def he_normal(rng: np.random.Generator, shape: Size, fan_in: int, dtype: DTypeLike) -> Floats:
    """Weights with variance 2 / fan_in (He et al., arXiv 1502.01852, equation 10)."""
    if math.prod(shape) > _MOST_WEIGHTS:
        raise ValueError(f"weight: expected at most {_MOST_WEIGHTS:,} numbers in a layer, got {shape}")
    weights: Floats = (rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(dtype)
    return weights
