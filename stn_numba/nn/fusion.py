"""Which neighbours in a chain are done together, instead of layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from stn_numba.nn import fourier
from stn_numba.nn.conv2d import Conv2d
from stn_numba.nn.convolution_run import ConvolutionRun, out_shape
from stn_numba.nn.dense import Dense
from stn_numba.nn.dense_run import DenseRun
from stn_numba.nn.layer import Backprop, Floats, Layer, Named, Size
from stn_numba.nn.pooling import AvgPool, MaxPool
from stn_numba.nn.relu import ReLU

__all__ = ["Run", "Step", "runs"]

_CONVOLUTIONS, _CONNECTED = {Conv2d, MaxPool, AvgPool, ReLU}, {Dense, ReLU}
_PLANS_KEPT = 16  # shapes of batches; training and inference see one or two


class Part(Protocol):
    """A layer, or several that are done together."""

    def forward(self, x: Floats, rng: np.random.Generator | None, /) -> tuple[Floats, Backprop]:
        """Return the output and the way back."""


class Step(NamedTuple):
    """What is done in one go; `prefix` stands before the names of its gradients."""

    prefix: str
    part: Part
    layers: Sequence[Named]

    @property
    def has_parameters(self) -> bool:
        """Whether there is anything to train."""
        return any(layer.params for _, layer in self.layers)


class Plan(NamedTuple):
    """The steps for batches of one shape, and the arrays of parameters for which they were chosen and which they hold."""

    steps: list[Step]
    held: list[tuple[Layer, str, Floats]]

    @property
    def is_current(self) -> bool:
        """Whether the layers have those arrays still."""
        return all(layer.params.get(key) is array for layer, key, array in self.held)


class Run:
    """Convolutions or fully connected layers with what may stand between them, or a single layer."""

    def __init__(self, first: Named) -> None:
        self.layers = [first]
        self._plans: dict[tuple[Size, np.dtype[Any]], Plan] = {}

    def takes(self, layer: Layer) -> bool:
        """Whether a layer that comes next belongs to the run."""
        kinds = {type(before) for _, before in self.layers} | {type(layer)}
        return kinds <= _CONVOLUTIONS or (kinds <= _CONNECTED and type(self.layers[0][1]) is Dense)

    def steps(self, x: Floats) -> list[Step]:
        """Return how a batch is done, which is worked out once for each shape."""
        key = x.shape, x.dtype
        plan = self._plans.get(key)
        if plan is None or not plan.is_current:
            if len(self._plans) == _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[key] = _plan(self.layers, *key)
        return plan.steps

    def __getstate__(self) -> dict[str, Any]:
        return {"layers": self.layers, "_plans": {}}  # a copy has parameters of its own


def runs(layers: Iterable[Named]) -> list[Run]:
    """Cut a chain into runs."""
    found: list[Run] = []
    for named in layers:
        if found and found[-1].takes(named[1]):
            found[-1].layers.append(named)
        else:
            found.append(Run(named))
    return found


def _plan(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Plan:
    steps = [step for piece, size in _cut(layers, shape, dtype) for step in _steps(piece, size, dtype)]
    known = [layer for _, layer in layers if type(layer) in _CONVOLUTIONS | _CONNECTED]
    return Plan(steps, [(layer, key, array) for layer in known for key, array in layer.params.items()])


def _cut(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Iterator[tuple[Sequence[Named], Size]]:
    """Cut before and after each convolution that is done by Fourier transforms; with the shapes of the pieces' inputs."""
    start, begins = 0, shape
    for place, (_, layer) in enumerate(layers if len(shape) == 4 else ()):
        after = (*shape[:1], *out_shape(layer, shape[1:]))
        if _by_transforms(layer, shape, dtype):
            if start < place:
                yield layers[start:place], begins
            yield layers[place : place + 1], shape
            start, begins = place + 1, after
        shape = after
    if start < len(layers):
        yield layers[start:], begins


def _by_transforms(layer: Layer, shape: Size, dtype: np.dtype[Any]) -> bool:
    return isinstance(layer, Conv2d) and fourier.pays(layer, shape, dtype)


def _steps(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> list[Step]:
    kinds = {type(layer) for _, layer in layers}
    if Dense in kinds and DenseRun.pays(layers, shape, dtype):
        return [Step("", DenseRun(layers, shape, dtype), layers)]
    direct = Conv2d in kinds and not _by_transforms(layers[0][1], shape, dtype)
    if direct and ConvolutionRun.pays(layers, shape, dtype):
        return [Step("", ConvolutionRun(layers, shape, dtype), layers)]
    return [Step(f"{name}.", layer, [(name, layer)]) for name, layer in layers]
