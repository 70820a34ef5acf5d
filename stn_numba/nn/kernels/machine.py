"""What this CPU's vectors are."""

from __future__ import annotations

import platform

from llvmlite import binding

__all__ = ["VECTORS", "VECTOR_BYTES"]

_FEATURES = binding.get_host_cpu_features()
_X86 = platform.machine().lower() in ("x86_64", "amd64", "i686")

# Bytes of a vector, and how many the CPU has registers for.
VECTOR_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16
VECTORS = 32 if _FEATURES.get("avx512f") or not _X86 else 16
