"""Samples side by side in the lanes of vectors: arrays (blocks, H, W, C, lanes)."""

from __future__ import annotations

import math
from typing import Any

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.kernel_calls import BlockKernel, Call, lane_count

__all__ = ["arrays_of", "gather", "gather_call", "scatter", "scatter_call"]

_GATHER, _SCATTER = BlockKernel("convolution", "gather"), BlockKernel("convolution", "scatter")


def gather(x: Floats) -> Floats:
    """Lay samples (N, ...) side by side: (blocks, ..., lanes)."""
    count = lane_count(x.dtype)
    blocks = buffers.empty((-(-len(x) // count), *x.shape[1:], count), x.dtype)
    _GATHER(x.dtype, *_gather_words(x, blocks), lanes=False)
    return blocks


def scatter(blocks: Floats, x: Floats) -> None:
    """Give samples back from (blocks, ..., lanes) to x (N, ...)."""
    _SCATTER(x.dtype, *_scatter_words(blocks, x), lanes=False)


def gather_call(x: Floats, blocks: Floats) -> Call:
    """Return the call that lays samples x side by side in blocks."""
    return _GATHER.call(x.dtype, *_gather_words(x, blocks), lanes=False)


def scatter_call(blocks: Floats, x: Floats) -> Call:
    """Return the call that gives samples back from blocks to x."""
    return _SCATTER.call(x.dtype, *_scatter_words(blocks, x), lanes=False)


def _gather_words(x: Floats, blocks: Floats) -> tuple[int, ...]:
    return blocks.shape[-1], address_of(x), len(x), math.prod(x.shape[1:]), address_of(blocks)


def _scatter_words(blocks: Floats, x: Floats) -> tuple[int, ...]:
    return blocks.shape[-1], address_of(blocks), address_of(x), len(x), math.prod(x.shape[1:])


def arrays_of(blocks: Floats) -> Any:
    """Blocks (blocks, H, W, C, lanes) as a batch of maps (blocks, H, W, C * lanes), for layers that mix no channels."""
    return blocks.reshape(*blocks.shape[:3], -1)
