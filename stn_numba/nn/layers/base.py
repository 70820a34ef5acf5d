"""What a layer is: `forward` returns ``(y, backprop)``."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba._util.representation import constructor_arguments
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size

__all__ = ["NAMES", "Layer", "Named", "as_pair", "as_simple", "expect_shape", "filled", "he_normal"]

_MAX_WEIGHTS = 1 << 58  # more than memory can be addressed


class Layer(ABC):
    """A differentiable function of an input (N, ...) and of named parameters.

    A layer is made from its options and gets its parameters from `initialize`. It is a pure function then, except for `state`:
    `forward` changes and stores nothing else, and gradients are returned. A `Classifier` initializes its layers, except those
    that have parameters already. To write your own layer, define `forward`, and `initialize` if it has parameters or changes
    the shape. A method ``export_onnx(graph, x)`` lets `stn_numba.export_onnx` export it.

    Attributes
    ----------
    params : dict of arrays
        The parameters by name, those of containers by dotted names. `forward` uses these very arrays, so changing one in
        place trains the layer.
    state : dict of arrays
        What the layer keeps from one batch to the next beside its parameters, such as running means, by name. It has no
        gradients. `forward` changes these arrays in place in training (with a generator), and only reads them otherwise. They
        are saved with the parameters. A layer without state has an empty dict.
    whole_batch : bool, default False
        Whether the layer looks at all images of a batch together in training, as batch normalization does. A network with such
        a layer, or with any state, is trained on each batch as a whole; others may get a batch in parts, on several threads.

    Examples
    --------
    >>> class Scale(Layer):
    ...     def initialize(self, input_shape, rng, dtype=np.float32):
    ...         self.params = {"factor": np.ones(input_shape, dtype)}
    ...         return input_shape
    ...
    ...     def forward(self, x, rng=None):
    ...         factor = self.params["factor"]
    ...
    ...         def backprop(dy, *, input_gradient=True):
    ...             return dy * factor if input_gradient else None, {"factor": (dy * x).sum(axis=0)}
    ...
    ...         return x * factor, backprop
    >>> layer = Scale()
    >>> layer.initialize((3,), np.random.default_rng(0))
    (3,)
    """

    fixed_options: ClassVar[tuple[str, ...]] = ()
    """Names of attributes that cannot change once they are set, since plans for the layer rely on them."""

    whole_batch: ClassVar[bool] = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.fixed_options and name in vars(self):
            raise AttributeError(f"{type(self).__name__}.{name}: options are fixed once a layer is made; make a new layer")
        super().__setattr__(name, value)

    @cached_property
    def params(self) -> Arrays:
        """The parameters by name; empty before `initialize`, and in layers without parameters."""
        return _NoParameters(type(self).__name__)

    @cached_property
    def state(self) -> Arrays:
        """What the layer keeps from batch to batch, by name; empty in most layers."""
        return {}

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw new parameters for inputs of a shape (without the batch axis), and return the shape of the output."""
        return input_shape

    @abstractmethod
    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with ``backprop(dy, *, input_gradient=True) -> (dx, gradients)``.

        A generator means training, in which dropout is active and `state` changes. dx may be None if `input_gradient` is False.
        """

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments: by default the attributes of their names, as far as they exist."""
        if self.fixed_options:
            return {name: getattr(self, name) for name in self.fixed_options}
        return constructor_arguments(self)

    def describe(self) -> dict[str, Any]:
        """Return the class and the options, as JSON can hold them."""
        config = {name: _as_plain(value) for name, value in self.config().items()}
        return {"layer": NAMES.get(type(self), type(self).__name__), **config}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"

    def trace(self, x: Floats) -> Iterator[tuple[str, Layer, Floats]]:
        """Yield (dotted name, layer, output) of every layer inside, in the order of the data."""
        yield "", self, self.forward(x)[0]


Named = tuple[str, Layer]

NAMES: dict[type[Layer], str] = {}
"""What files call layers that users have registered."""


def _as_plain(value: Any) -> Any:
    """Return an option as JSON can hold it, if it is a layer or an array."""
    if isinstance(value, Layer):
        return value.describe()
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


class _NoParameters(dict[str, Floats]):
    """The parameters of a layer that is not initialized."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer

    def __missing__(self, name: str) -> Floats:
        raise ValueError(f"{self.layer}: it has no {name} yet: call initialize, or put it into a Classifier")


def expect_shape(layer: Layer, shape: Size, ndim: int, meaning: str) -> None:
    """Reject an input shape of the wrong number of axes, or with an axis of length zero."""
    if len(shape) != ndim or min(shape, default=1) < 1:
        raise ValueError(f"{type(layer).__name__}: expected an input of shape {meaning}, got {shape}")


def as_pair(value: Any, name: str, *, least: int) -> tuple[int, int]:
    """Return a whole number for rows and columns, or one for each, as a pair."""
    if not isinstance(value, tuple | list):
        number = as_int(value, name, least=least)
        return number, number
    if len(value) != 2:
        raise ValueError(f"{name}: expected a whole number or (rows, columns), got {value!r:.60}")
    return as_int(value[0], name, least=least), as_int(value[1], name, least=least)


def as_simple(pair: tuple[int, int]) -> int | tuple[int, int]:
    """Return one number for a pair of equal ones: an option as it is shown and saved."""
    return pair[0] if pair[0] == pair[1] else pair


def he_normal(rng: np.random.Generator, shape: Size, fan_in: int, dtype: DTypeLike) -> Floats:
    """Draw weights with variance 2 / fan_in (He et al., arXiv 1502.01852, equation 10)."""
    if math.prod(shape) > _MAX_WEIGHTS:
        raise ValueError(f"weight: expected at most {_MAX_WEIGHTS:,} numbers in a layer, got {shape}")
    weights: Floats = (rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(dtype)
    return weights


def filled(rng: np.random.Generator, length: int, value: float, dtype: DTypeLike) -> Floats:
    """Return an array of one value. It is drawn first: `rng` draws no more than a file holds if a model is read from one."""
    array: Floats = rng.standard_normal((length,)).astype(dtype)
    array.fill(value)
    return array
