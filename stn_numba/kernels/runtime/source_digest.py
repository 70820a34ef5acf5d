"""A digest of the sources from which machine code is made: code made from other sources is never used."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

__all__ = ["digest", "file_digest"]

PACKAGE = Path(__file__).parents[2]


@functools.cache
def digest() -> str:
    """Sixteen hex digits for the sources of all kernels: every file in the two folders, at any depth, but for `runtime`."""
    paths = sorted([*PACKAGE.glob("kernels/**/*.py"), *PACKAGE.glob("nn/kernels/**/*.py")])
    runtime = PACKAGE / "kernels" / "runtime"
    digests = [file_digest(path) for path in paths if runtime not in path.parents]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


@functools.cache
def file_digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
