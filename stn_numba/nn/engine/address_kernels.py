"""Kernels that take arrays by their addresses, called alone or several in one go."""

from __future__ import annotations

import array
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.kernels.signature import Signature
from stn_numba.nn.kernels import cpu

__all__ = ["AddressKernel", "Call", "lane_count", "run_calls"]

Call = list[int]
"""A call for `run_calls`: the address of the machine code, how many integers follow, and these."""

_SEQUENCE, _ONE_INTEGER = kernel("nn.kernels.sequence", "run"), ("int",)


class AddressKernel:
    """A kernel whose arguments are integers, by its name and its module in ``stn_numba.nn.kernels``.

    Its machine code depends on the dtype, on the number of lanes of a vector if it uses `lanes`, and on the sizes of a tile.
    """

    def __init__(self, module: str, name: str) -> None:
        self.kernel = kernel(f"nn.kernels.{module}", name)

    def __call__(self, dtype: np.dtype[Any], *arguments: int, tile: tuple[int, ...] = (), lanes: bool = True) -> None:
        """Run the kernel."""
        entry = self._entry(dtype, tile, lanes, len(arguments))
        entry.run(entry.job(arguments))

    def call(self, dtype: np.dtype[Any], *arguments: int, tile: tuple[int, ...] = (), lanes: bool = True) -> Call:
        """Return a call for `run_calls`."""
        entry = self._entry(dtype, tile, lanes, len(arguments))
        return [entry.address, 1 + len(arguments), 0, *arguments]

    def _entry(self, dtype: np.dtype[Any], tile: tuple[int, ...], lanes: bool, count: int) -> Entry:
        return self.kernel.entry(_signature(dtype, lane_count(dtype) if lanes else 0, tile, count))


def run_calls(calls: Sequence[Call]) -> None:
    """Run kernels one after another, in one call from Python."""
    integers = array.array("q", [len(calls), *itertools.chain.from_iterable(calls)])
    entry = _SEQUENCE.entry(_ONE_INTEGER)
    entry.run(entry.job([integers.buffer_info()[0]]))


def lane_count(dtype: np.dtype[Any]) -> int:
    """Return how many numbers of a dtype a vector register of this CPU holds."""
    return cpu.vector_bytes() // dtype.itemsize


@functools.cache
def _signature(dtype: np.dtype[Any], lanes: int, tile: tuple[int, ...], count: int) -> Signature:
    sizes = [("like int64",) * size for size in ((lanes, *tile) if lanes else tile)]
    return (f"like {dtype.name}", *sizes, *("int",) * count)
