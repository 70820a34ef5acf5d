"""The layout of blocks: samples side by side in the lanes of vectors, as arrays (blocks, H, W, C, lanes)."""

from __future__ import annotations

import math

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.address_kernels import AddressKernel, Call, lane_count

__all__ = ["gather", "gather_call", "scatter", "scatter_call", "with_lanes_as_channels"]

_GATHER, _SCATTER = AddressKernel("convolution", "gather"), AddressKernel("convolution", "scatter")


def gather(x: Floats) -> Floats:
    """Return samples (N, ...) side by side: (blocks, ..., lanes)."""
    lanes = lane_count(x.dtype)
    blocks = buffers.empty((-(-len(x) // lanes), *x.shape[1:], lanes), x.dtype)
    _GATHER(x.dtype, *_gather_arguments(x, blocks), lanes=False)
    return blocks


def scatter(blocks: Floats, x: Floats) -> None:
    """Copy samples back from (blocks, ..., lanes) to x (N, ...)."""
    _SCATTER(x.dtype, *_scatter_arguments(blocks, x), lanes=False)


def gather_call(x: Floats, blocks: Floats) -> Call:
    """Return the call that copies samples x to blocks."""
    return _GATHER.call(x.dtype, *_gather_arguments(x, blocks), lanes=False)


def scatter_call(blocks: Floats, x: Floats) -> Call:
    """Return the call that copies samples back from blocks to x."""
    return _SCATTER.call(x.dtype, *_scatter_arguments(blocks, x), lanes=False)


def _gather_arguments(x: Floats, blocks: Floats) -> tuple[int, ...]:
    return blocks.shape[-1], address_of(x), len(x), math.prod(x.shape[1:]), address_of(blocks)


def _scatter_arguments(blocks: Floats, x: Floats) -> tuple[int, ...]:
    return blocks.shape[-1], address_of(blocks), address_of(x), len(x), math.prod(x.shape[1:])


def with_lanes_as_channels(blocks: Floats) -> Floats:
    """Return blocks (blocks, H, W, C, lanes) as maps (blocks, H, W, C * lanes), for layers that mix no channels."""
    return blocks.reshape(*blocks.shape[:3], -1)
