"""Decide which neighboring layers of a chain are computed together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from stn_numba.nn.arrays import Arrays, Differentiable, Floats, Size
from stn_numba.nn.engine.conv import fourier
from stn_numba.nn.engine.conv.blocked import BlockedConvolution
from stn_numba.nn.engine.conv.fused import ChannelwiseOp, FusedConvolutions, NamedOp, fills_lanes
from stn_numba.nn.engine.dense import DenseOp, FusedDense, can_fuse
from stn_numba.nn.layers.base import Layer, Named
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.pooling import AvgPool, MaxPool
from stn_numba.nn.layers.relu import ReLU

__all__ = ["FusedSegment", "PlannedOp", "segments_of"]

_CONVOLUTIONAL, _CONNECTED = {Conv2d, MaxPool, AvgPool, ReLU}, {Dense, ReLU}
_MAX_PLANS = 16  # shapes of batches; training and inference see one or two


class PlannedOp(NamedTuple):
    """One layer, or several that are computed together; `prefix` is put before the names of its gradients."""

    prefix: str
    op: Differentiable
    layers: Sequence[Named]

    @property
    def has_parameters(self) -> bool:
        """Whether one of its layers has parameters."""
        return any(layer.params for _, layer in self.layers)


Plan = tuple[list[PlannedOp], list[tuple[Layer, Arrays]]]
"""What to compute for batches of one shape, and the parameter arrays of layers that this was decided for."""


class FusedSegment:
    """Convolutions or fully connected layers with the pooling and ReLUs between them, or one layer of any kind.

    How to compute a batch is planned once for each shape. In-place updates of parameters are seen; a new array in the place of
    another one causes a new plan.
    """

    def __init__(self, first: Named) -> None:
        self.layers = [first]
        self._plans: dict[tuple[Size, np.dtype[Any]], Plan] = {}

    def accepts(self, layer: Layer) -> bool:
        """Whether a layer that comes next belongs to the segment."""
        kinds = {type(before) for _, before in self.layers} | {type(layer)}
        return kinds <= _CONVOLUTIONAL or (kinds <= _CONNECTED and type(self.layers[0][1]) is Dense)

    def ops(self, x: Floats) -> list[PlannedOp]:
        """Return what to compute for a batch."""
        key = x.shape, x.dtype
        plan = self._plans.get(key)
        if plan is None or not _is_current(plan):
            if plan is not None or len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[key] = _plan(self.layers, *key)
        return plan[0]


def _is_current(plan: Plan) -> bool:
    """Whether layers still have the very same arrays; their options never change."""
    return all(layer.params.get(key) is array for layer, arrays in plan[1] for key, array in arrays.items())


def segments_of(layers: Iterable[Named]) -> list[FusedSegment]:
    """Cut a chain into segments."""
    found: list[FusedSegment] = []
    for named in layers:
        if found and found[-1].accepts(named[1]):
            found[-1].layers.append(named)
        else:
            found.append(FusedSegment(named))
    return found


def _plan(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Plan:
    kinds = {type(layer) for _, layer in layers}
    if Dense in kinds:
        ops = _planned(layers, _fused_dense(layers, shape, dtype))
    elif Conv2d in kinds:
        ops = _convolution_ops(layers, shape, dtype)
    else:
        ops = _planned(layers, None)
    params = [(layer, dict(layer.params)) for _, layer in layers] if kinds <= _CONVOLUTIONAL | _CONNECTED else []
    return ops, params


def _planned(layers: Sequence[Named], fused: Differentiable | None) -> list[PlannedOp]:
    """Return one operation if there is a fused one, else one for each layer."""
    if fused is not None:
        return [PlannedOp("", fused, layers)]
    return [PlannedOp(f"{name}.", layer, [(name, layer)]) for name, layer in layers]


def _convolution_ops(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> list[PlannedOp]:
    """Return convolutions that are faster by Fourier transforms one by one, and the layers between them fused."""
    ops: list[PlannedOp] = []
    start, start_shape = 0, shape
    for place, (_, layer) in enumerate(layers if len(shape) == 4 else ()):
        out_shape = (shape[0], *_out_shape(layer, shape[1:]))
        if isinstance(layer, Conv2d) and fourier.is_faster(layer.spec, layer.params["weight"], shape, dtype):
            ops += _planned(layers[start:place], _fused_convolutions(layers[start:place], start_shape, dtype))
            ops += _planned(layers[place : place + 1], None)
            start, start_shape = place + 1, out_shape
        shape = out_shape
    return ops + _planned(layers[start:], _fused_convolutions(layers[start:], start_shape, dtype))


def _out_shape(layer: Layer, shape: Size) -> Size:
    if isinstance(layer, Conv2d):
        return layer.spec.out_shape(shape)
    return layer.out_shape(shape) if isinstance(layer, MaxPool | AvgPool) else shape


def _fused_dense(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> FusedDense | None:
    """Return all layers as one, if that is possible and faster; the first one is a `Dense`."""
    places = [place for place, (_, layer) in enumerate(layers) if isinstance(layer, Dense)]
    ops = []
    for place, following in itertools.pairwise([*places, len(layers)]):
        name, layer = layers[place]
        ops.append(DenseOp(name, layer.params["weight"], layer.params["bias"], following > place + 1))
    return FusedDense(ops, layers[-1][1], shape[0]) if can_fuse(ops, shape, dtype) else None


def _fused_convolutions(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> FusedConvolutions | None:
    """Return all layers as one, if that is possible and faster."""
    convolutions = [layer for _, layer in layers if isinstance(layer, Conv2d)]
    fit = all(layer.spec.fits(layer.params["weight"], layer.params["bias"], dtype) for layer in convolutions)
    if not convolutions or not fit or not fills_lanes(shape, dtype):
        return None
    return FusedConvolutions(_block_ops(layers, shape[1:]), layers[-1][1], shape, dtype)


def _block_ops(layers: Sequence[Named], shape: Size) -> list[NamedOp]:
    """Return layers as operations on blocks; a convolution includes the pooling and the ReLU after it."""
    ops: list[NamedOp] = []
    place = 0
    while place < len(layers):
        name, layer = layers[place]
        op: BlockedConvolution | ChannelwiseOp
        if isinstance(layer, Conv2d):
            kinds = [_kind(follower) for _, follower in layers[place + 1 : place + 3]]
            relu = sorted(kinds) == ["pool", "relu"]
            pool = relu or kinds[:1] == ["pool"]
            op = BlockedConvolution(layer.spec, layer.params["weight"], layer.params["bias"], shape, pool, relu)
            place += 1 + pool + relu
        else:
            op = ChannelwiseOp(layer, _out_shape(layer, shape))
            place += 1
        ops.append((name, op))
        shape = op.out_shape
    return ops


def _kind(layer: Layer) -> str:
    if isinstance(layer, MaxPool) and layer.size == 2:
        return "pool"
    return "relu" if isinstance(layer, ReLU) else ""
