"""Which neighbours in a chain are done together, instead of layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from stn_numba.nn import fourier
from stn_numba.nn.engine.conv.fused import ConvolutionRun, out_shape
from stn_numba.nn.engine.dense import DenseRun
from stn_numba.nn.layers.base import Arrays, Backprop, Floats, Layer, Named, Size
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.pooling import AvgPool, MaxPool
from stn_numba.nn.layers.relu import ReLU

__all__ = ["Run", "Stage", "runs"]

_CONVOLUTIONS, _CONNECTED = {Conv2d, MaxPool, AvgPool, ReLU}, {Dense, ReLU}
_PLANS_KEPT = 16  # shapes of batches; training and inference see one or two


class Work(Protocol):
    """A layer, or several that are done together."""

    def forward(self, x: Floats, rng: np.random.Generator | None, /) -> tuple[Floats, Backprop]:
        """Return the output and the way back."""


class Stage(NamedTuple):
    """What is done in one go; `prefix` stands before the names of its gradients."""

    prefix: str
    work: Work
    layers: Sequence[Named]

    @property
    def has_parameters(self) -> bool:
        """Whether there is anything to train."""
        return any(layer.params for _, layer in self.layers)


class Plan(NamedTuple):
    """The stages for batches of one shape, and what they were chosen for and hold: layers' options and arrays."""

    stages: list[Stage]
    held: list[tuple[Layer, dict[str, Any], Arrays]]

    @property
    def is_current(self) -> bool:
        """Whether layers have the same options still, and the very same arrays."""
        for layer, options, arrays in self.held:
            for key, array in arrays.items():
                if layer.params.get(key) is not array:
                    return False
            if options and layer.config() != options:
                return False
        return True


class Run:
    """Convolutions or fully connected layers with what may stand between them, or a single layer.

    How a batch is done is planned once for each shape. What is written into parameters is heard; other arrays in their place
    and other options make a new plan.
    """

    def __init__(self, first: Named) -> None:
        self.layers = [first]
        self._plans: dict[tuple[Size, np.dtype[Any]], Plan] = {}

    def takes(self, layer: Layer) -> bool:
        """Whether a layer that comes next belongs to the run."""
        kinds = {type(before) for _, before in self.layers} | {type(layer)}
        return kinds <= _CONVOLUTIONS or (kinds <= _CONNECTED and type(self.layers[0][1]) is Dense)

    def stages(self, x: Floats) -> list[Stage]:
        """Return how a batch is done."""
        key = x.shape, x.dtype
        plan = self._plans.get(key)
        if plan is None or not plan.is_current:
            if plan is not None or len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[key] = _plan(self.layers, *key)
        return plan.stages


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
    known = [layer for _, layer in layers if type(layer) in _CONVOLUTIONS | _CONNECTED]
    if not known:
        return Plan(_apart(layers), [])
    if Dense in map(type, known):
        together = DenseRun.pays(layers, shape, dtype)
        stages = [Stage("", DenseRun(layers, shape, dtype), layers)] if together else _apart(layers)
    else:
        stages = list(_convolutions(layers, shape, dtype))
    return Plan(stages, [(layer, layer.config(), dict(layer.params)) for layer in known])


def _apart(layers: Sequence[Named]) -> list[Stage]:
    return [Stage(f"{name}.", layer, [(name, layer)]) for name, layer in layers]


def _convolutions(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Iterator[Stage]:
    """Each convolution that is done by Fourier transforms by itself, and what lies between them together."""
    start, begins = 0, shape
    for place, (_, layer) in enumerate(layers if len(shape) == 4 else ()):
        after = (*shape[:1], *out_shape(layer, shape[1:]))
        if isinstance(layer, Conv2d) and fourier.pays(layer, shape, dtype):
            yield from _together(layers[start:place], begins, dtype)
            yield from _apart(layers[place : place + 1])
            start, begins = place + 1, after
        shape = after
    yield from _together(layers[start:], begins, dtype)


def _together(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> list[Stage]:
    has_convolution = any(isinstance(layer, Conv2d) for _, layer in layers)
    if has_convolution and ConvolutionRun.pays(layers, shape, dtype):
        return [Stage("", ConvolutionRun(layers, shape, dtype), layers)]
    return _apart(layers)
