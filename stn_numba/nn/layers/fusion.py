"""Decide which neighbors in a chain are computed together instead of layer by layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size
from stn_numba.nn.engine import dense
from stn_numba.nn.engine.conv.blocked import Convolution
from stn_numba.nn.engine.conv.fused import ChannelwiseOp, FusedConvolutions, Op, fills_lanes
from stn_numba.nn.layers.base import Layer, Named
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.pooling import AvgPool, MaxPool
from stn_numba.nn.layers.relu import ReLU

__all__ = ["FusedSegment", "Stage", "segments"]

_CONVOLUTIONS, _CONNECTED = {Conv2d, MaxPool, AvgPool, ReLU}, {Dense, ReLU}
_PLANS_KEPT = 16  # shapes of batches; training and inference see one or two


class Work(Protocol):
    """A layer, or several that are computed together."""

    def forward(self, x: Floats, rng: np.random.Generator | None, /) -> tuple[Floats, Backprop]:
        """Return the output and its backward."""


class Stage(NamedTuple):
    """What is computed in one go; `prefix` stands before the names of its gradients."""

    prefix: str
    work: Work
    layers: Sequence[Named]

    @property
    def has_parameters(self) -> bool:
        """Whether there is anything to train."""
        return any(layer.params for _, layer in self.layers)


class Plan(NamedTuple):
    """The stages for batches of one shape, and the parameter arrays that they were made for."""

    stages: list[Stage]
    held: list[tuple[Layer, Arrays]]

    @property
    def is_current(self) -> bool:
        """Whether layers still have the very same arrays; their options never change."""
        return all(layer.params.get(key) is array for layer, arrays in self.held for key, array in arrays.items())


class FusedSegment:
    """Convolutions or fully connected layers with what may stand between them, or a single layer of any kind.

    How to compute a batch is planned once for each shape. In-place updates of parameters are seen; other arrays in their place
    make a new plan.
    """

    def __init__(self, first: Named) -> None:
        self.layers = [first]
        self._plans: dict[tuple[Size, np.dtype[Any]], Plan] = {}

    def takes(self, layer: Layer) -> bool:
        """Whether a layer that comes next belongs to the segment."""
        kinds = {type(before) for _, before in self.layers} | {type(layer)}
        return kinds <= _CONVOLUTIONS or (kinds <= _CONNECTED and type(self.layers[0][1]) is Dense)

    def stages(self, x: Floats) -> list[Stage]:
        """Return the stages for a batch."""
        key = x.shape, x.dtype
        plan = self._plans.get(key)
        if plan is None or not plan.is_current:
            if plan is not None or len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[key] = _plan(self.layers, *key)
        return plan.stages


def segments(layers: Iterable[Named]) -> list[FusedSegment]:
    """Cut a chain into segments."""
    found: list[FusedSegment] = []
    for named in layers:
        if found and found[-1].takes(named[1]):
            found[-1].layers.append(named)
        else:
            found.append(FusedSegment(named))
    return found


def _plan(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Plan:
    kinds = {type(layer) for _, layer in layers}
    if not kinds <= _CONVOLUTIONS | _CONNECTED:
        return Plan(_one_by_one(layers), [])
    work: Work | None = None
    if Dense in kinds:
        work = _fused_dense(layers, shape, dtype)
    elif Conv2d in kinds:
        work = _fused_convolutions(layers, shape, dtype)
    stages = _one_by_one(layers) if work is None else [Stage("", work, layers)]
    return Plan(stages, [(layer, dict(layer.params)) for _, layer in layers])


def _one_by_one(layers: Sequence[Named]) -> list[Stage]:
    return [Stage(f"{name}.", layer, [(name, layer)]) for name, layer in layers]


def _fused_dense(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Work | None:
    """All layers in one, where that is possible and faster; the first one is a `Dense`."""
    places = [place for place, (_, layer) in enumerate(layers) if isinstance(layer, Dense)]
    ops = []
    for place, following in itertools.pairwise([*places, len(layers)]):
        name, layer = layers[place]
        ops.append(dense.DenseOp(name, layer.params["weight"], layer.params["bias"], following > place + 1))
    return dense.FusedDense(ops, layers[-1][1], shape[0]) if dense.fit(ops, shape, dtype) else None


def _fused_convolutions(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Work | None:
    """All layers in one, where that is possible and faster."""
    convolutions = [layer for _, layer in layers if isinstance(layer, Conv2d)]
    fit = all(layer.spec.fits(layer.params["weight"], layer.params["bias"], dtype) for layer in convolutions)
    if not fit or not fills_lanes(shape, dtype):
        return None
    return FusedConvolutions(_ops(layers, shape[1:]), layers[-1][1], shape, dtype)


def _ops(layers: Sequence[Named], shape: Size) -> list[Op]:
    """Layers as operations on blocks; a convolution takes with it the pooling and the rectifier behind it."""
    ops: list[Op] = []
    place = 0
    while place < len(layers):
        name, layer = layers[place]
        op: Convolution | ChannelwiseOp
        if isinstance(layer, Conv2d):
            kinds = [_kind(follower) for _, follower in layers[place + 1 : place + 3]]
            rectify = sorted(kinds) == ["pool", "relu"]
            pool = rectify or kinds[:1] == ["pool"]
            op = Convolution(layer.spec, layer.params["weight"], layer.params["bias"], shape, pool, rectify)
            place += 1 + pool + rectify
        else:
            op = ChannelwiseOp(layer, layer.out_shape(shape) if isinstance(layer, MaxPool | AvgPool) else shape)
            place += 1
        ops.append((name, op))
        shape = op.out_shape
    return ops


def _kind(layer: Layer) -> str:
    if isinstance(layer, MaxPool) and layer.size == 2:
        return "pool"
    return "relu" if isinstance(layer, ReLU) else ""
