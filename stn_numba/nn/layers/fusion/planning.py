"""Plan how the layers of a segment are computed, for batches of one shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stn_numba.nn.arrays import Arrays, Backprop, Differentiable, Floats, Size
from stn_numba.nn.engine.conv import fourier
from stn_numba.nn.engine.conv.blocked import BlockedConvolution
from stn_numba.nn.engine.conv.fused import ChannelwiseOp, FusedConvolutions, NamedOp, fills_lanes
from stn_numba.nn.engine.dense import DenseOp, FusedDense, can_fuse
from stn_numba.nn.layers.base import Layer, Named
from stn_numba.nn.layers.batch_norm import BatchNorm
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.pooling import AvgPool, MaxPool
from stn_numba.nn.layers.relu import ReLU

__all__ = ["Plan", "PlannedOp", "belongs", "make_plan"]

_CONVOLUTIONAL, _CONNECTED = {Conv2d, MaxPool, AvgPool, ReLU}, {Dense, ReLU}


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


class _RectifiedBatchNorm(NamedTuple):
    """Batch normalization with the ReLU after it."""

    layer: BatchNorm

    def forward(self, x: Floats, rng: np.random.Generator | None = None, /) -> tuple[Floats, Backprop]:
        """Return the output and its backward."""
        return self.layer.forward_relu(x, rng)


def belongs(layer: Layer, segment: Sequence[Named]) -> bool:
    """Whether a layer that comes after a segment may be computed together with it."""
    members = [*(before for _, before in segment), layer]
    kinds, first = {type(each) for each in members}, type(members[0])
    if first is BatchNorm:
        return type(layer) is ReLU and len(segment) == 1
    if any(isinstance(each, Conv2d) and each.spec is None for each in members):
        return False
    return kinds <= _CONVOLUTIONAL or (kinds <= _CONNECTED and first is Dense)


def make_plan(layers: Sequence[Named], shape: Size, dtype: np.dtype[Any]) -> Plan:
    """Return the plan of a segment for batches of one shape and dtype."""
    kinds = {type(layer) for _, layer in layers}
    if kinds == {BatchNorm, ReLU}:
        norm = layers[0][1]
        assert isinstance(norm, BatchNorm)
        ops = [PlannedOp(f"{layers[0][0]}.", _RectifiedBatchNorm(norm), layers)]
    elif Dense in kinds:
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
        spec = layer.spec if isinstance(layer, Conv2d) else None
        if spec is not None and fourier.is_faster(spec, layer.params["weight"], shape, dtype):
            ops += _planned(layers[start:place], _fused_convolutions(layers[start:place], start_shape, dtype))
            ops += _planned(layers[place : place + 1], None)
            start, start_shape = place + 1, out_shape
        shape = out_shape
    return ops + _planned(layers[start:], _fused_convolutions(layers[start:], start_shape, dtype))


def _out_shape(layer: Layer, shape: Size) -> Size:
    return layer.out_shape(shape) if isinstance(layer, Conv2d | MaxPool | AvgPool) else shape


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
    fit = all(each.spec and each.spec.fits(each.params["weight"], each.params["bias"], dtype) for each in convolutions)
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
        if isinstance(layer, Conv2d) and layer.spec is not None:
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
    if isinstance(layer, MaxPool) and layer.blocks == 2:
        return "pool"
    return "relu" if isinstance(layer, ReLU) else ""
