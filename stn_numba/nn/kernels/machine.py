"""What the vectors are that kernels work with: those of the library in use, else this CPU's."""

from __future__ import annotations

import functools

from stn_numba.kernels import cpu, prebuilt

__all__ = ["vector_bytes", "vectors"]


@functools.cache
def _is_wide() -> bool:
    """Whether there are vectors of 512 bits."""
    level = prebuilt.level()
    return "avx512f" in cpu.features() if level is None else level == "v4"


def vector_bytes() -> int:
    """Bytes of a vector."""
    return 64 if _is_wide() else 32 if cpu.features() & {"avx"} else 16


def vectors() -> int:
    """How many vectors the CPU has registers for."""
    return 32 if _is_wide() or not cpu.is_x86() else 16
