"""The files from which machine code is made, as one number: code made of others is never used."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

__all__ = ["digest", "file_digest"]

PACKAGE = Path(__file__).parent.parent

# Files of kernels/ from which no machine code is made.
_NO_KERNELS = (
    "addresses.py",
    "ahead.py",
    "cache.py",
    "calls.py",
    "cpu.py",
    "inspection.py",
    "layer.py",
    "places.py",
    "prebuilt.py",
    "sources.py",
    "threads.py",
)


@functools.cache
def digest() -> str:
    """Sixteen digits that stand for the sources of all kernels."""
    paths = sorted([*PACKAGE.glob("kernels/*.py"), *PACKAGE.glob("nn/kernels/*.py")])
    digests = [file_digest(path) for path in paths if path.name not in _NO_KERNELS]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


@functools.cache
def file_digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
