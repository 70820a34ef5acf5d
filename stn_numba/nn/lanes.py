"""Samples side by side in the lanes of vectors: arrays (blocks, H, W, C, lanes)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from stn_numba.nn import memory
from stn_numba.nn.layer import Floats

__all__ = ["arrays_of", "constant", "cropped", "gather", "lane_count", "padded", "scatter"]


@functools.cache
def lane_count(dtype: np.dtype[Any]) -> int:
    """How many numbers of a dtype one vector of this CPU holds."""
    from stn_numba.nn.kernels import machine

    return machine.vector_bytes() // dtype.itemsize


def gather(x: Floats) -> Floats:
    """Lay samples (N, ...) side by side: (blocks, ..., lanes)."""
    from stn_numba.nn.kernels import convolution

    count = lane_count(x.dtype)
    blocks = memory.empty((-(-len(x) // count), *x.shape[1:], count), x.dtype)
    convolution.gather(x.reshape(len(x), -1), blocks.reshape(len(blocks), -1, count))
    return blocks


def scatter(blocks: Floats, x: Floats) -> None:
    """Give samples back from (blocks, ..., lanes) to x (N, ...)."""
    from stn_numba.nn.kernels import convolution

    convolution.scatter(blocks.reshape(len(blocks), -1, blocks.shape[-1]), x.reshape(len(x), -1))


def padded(blocks: Floats, p: int) -> Floats:
    """Put p rows and columns of zeros on each side."""
    if not p:
        return blocks
    count, H, W, C, many = blocks.shape
    result = memory.empty((count, H + 2 * p, W + 2 * p, C, many), blocks.dtype)
    result.fill(0)
    result[:, p : p + H, p : p + W] = blocks
    return result


def cropped(blocks: Floats, p: int) -> Floats:
    """Leave the padding out."""
    return np.ascontiguousarray(blocks[:, p : blocks.shape[1] - p, p : blocks.shape[2] - p]) if p else blocks


def arrays_of(blocks: Floats) -> Any:
    """Blocks (blocks, H, W, C, lanes) as a batch of maps (blocks, H, W, C * lanes), for layers that mix no channels."""
    return blocks.reshape(*blocks.shape[:3], -1)


def constant(count: int) -> tuple[int, ...]:
    """A number that kernels know when they are compiled."""
    return (0,) * count
