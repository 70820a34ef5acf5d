"""Calls of the kernels for blocks, which take arrays by their addresses, and of several kernels in one go."""

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

__all__ = ["BlockKernel", "Call", "lane_count", "run"]

Call = list[int]
"""A call to be made by `run`: the address of the machine code, how many words follow, and these."""

_SEQUENCE, _ONE_WORD = kernel("nn.kernels.sequence", "run"), ("int",)


class BlockKernel:
    """A kernel by name, of a module within ``stn_numba.nn.kernels``, whose arguments are whole numbers.

    Before them it takes a number of the dtype that it is for, and `lanes` if vectors are written as such, and the sizes of a
    tile; these choose its machine code.
    """

    def __init__(self, module: str, name: str) -> None:
        self.kernel = kernel(f"nn.kernels.{module}", name)

    def __call__(self, dtype: np.dtype[Any], *words: int, tile: tuple[int, ...] = (), lanes: bool = True) -> None:
        """Call it."""
        entry = self._entry(dtype, tile, lanes, len(words))
        entry.run(entry.job(words))

    def call(self, dtype: np.dtype[Any], *words: int, tile: tuple[int, ...] = (), lanes: bool = True) -> Call:
        """Return a call for `run`."""
        entry = self._entry(dtype, tile, lanes, len(words))
        return [entry.address, 1 + len(words), 0, *words]

    def _entry(self, dtype: np.dtype[Any], tile: tuple[int, ...], lanes: bool, words: int) -> Entry:
        return self.kernel.entry(_signature(dtype, lane_count(dtype) if lanes else 0, tile, words))


def run(calls: Sequence[Call]) -> None:
    """Make calls one after another."""
    words = array.array("q", [len(calls), *itertools.chain.from_iterable(calls)])
    entry = _SEQUENCE.entry(_ONE_WORD)
    entry.run(entry.job([words.buffer_info()[0]]))


def lane_count(dtype: np.dtype[Any]) -> int:
    """How many numbers of a dtype one vector of this CPU holds."""
    return cpu.vector_bytes() // dtype.itemsize


@functools.cache
def _signature(dtype: np.dtype[Any], lanes: int, tile: tuple[int, ...], words: int) -> Signature:
    known = [("like int64",) * count for count in ((lanes, *tile) if lanes else tile)]
    return (f"like {dtype.name}", *known, *("int",) * words)
