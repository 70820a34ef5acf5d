"""Size and number of the vector registers that kernels use: those of the prebuilt library in use, else this CPU's."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import NamedTuple

from stn_numba.kernels.runtime import cpu, prebuilt

__all__ = ["forced", "vector_bytes", "vectors"]


class _Vectors(NamedTuple):
    """Bytes of a vector register, and the number of registers."""

    size: int
    count: int


_LEVELS = {"v3": _Vectors(32, 16), "v4": _Vectors(64, 32), "aarch64": _Vectors(16, 32)}
_forced: _Vectors | None = None


@functools.cache
def _found() -> _Vectors:
    level = prebuilt.level()
    if level is not None:
        return _LEVELS[level]
    if "avx512f" in cpu.features():
        return _LEVELS["v4"]
    return _Vectors(32 if "avx" in cpu.features() else 16, 16 if cpu.is_x86() else 32)


def vector_bytes() -> int:
    """Return the bytes of a vector register."""
    return (_forced or _found()).size


def vectors() -> int:
    """Return the number of vector registers."""
    return (_forced or _found()).count


@contextlib.contextmanager
def forced(level: str) -> Iterator[None]:
    """Use the vectors of a level of CPUs, ``"v3"``, ``"v4"`` or ``"aarch64"``, whatever this CPU is.

    For networks that are made and used in the block, while no others are in use in the same process.
    """
    global _forced
    before, _forced = _forced, _LEVELS[level]
    try:
        yield
    finally:
        _forced = before
