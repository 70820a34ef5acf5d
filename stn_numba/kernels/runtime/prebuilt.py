"""Kernels that were compiled when the wheel was built: a shared library for each level of CPUs, loaded when first needed.

The name of a library says of which sources it was made; one that does not match this installation's is never used, nor is one
that has been cut short: the loader would take it, and end the process with the first page that is missing.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import struct
from pathlib import Path

from stn_numba._util import environment
from stn_numba.kernels.runtime import cpu, source_digest

__all__ = ["FOLDER", "Library", "address", "file_name", "level", "library", "why_not"]

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parents[2] / "prebuilt"

# Settings of Numba's by which kernels are to be compiled in another way.
_OTHER_CODE = ("NUMBA_BOUNDSCHECK", "NUMBA_DEBUGINFO", "NUMBA_LOOP_VECTORIZE", "NUMBA_OPT", "NUMBA_SLP_VECTORIZE")


class Library:
    """A library that has been loaded: its path, the level it was built for, and its functions."""

    def __init__(self, path: Path, level: str) -> None:
        self.path, self.level, self._functions = path, level, ctypes.CDLL(str(path))

    def address(self, symbol: str) -> int | None:
        """Where a kernel begins; None if the library has it not."""
        function = getattr(self._functions, symbol, None)
        return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


def file_name(level: str) -> str:
    """Name of the library of a level for the sources as they are."""
    return f"kernels-{level}-{source_digest.digest()}.so"


@functools.cache
def library() -> Library | None:
    """The library for this CPU; None without one, see `why_not`."""
    if _turned_off():
        return None
    for name in _levels():
        path = FOLDER / file_name(name)
        if path.exists():
            try:
                _expect_whole(path)
                return Library(path, name)
            except OSError as error:  # damaged, or of another system
                logger.warning("%s cannot be loaded, kernels are compiled instead: %s", path, error)
    return None


def _expect_whole(path: Path) -> None:
    """Raise OSError for a library that ends before its table of sections, which is the last part of a file of ELF."""
    with open(path, "rb") as file:
        header = file.read(64)
    if len(header) < 64 or header[:4] != b"\x7fELF":
        raise OSError("it is no library")
    (start,), (size, number) = struct.unpack_from("<Q", header, 0x28), struct.unpack_from("<HH", header, 0x3A)
    if path.stat().st_size < start + size * number:
        raise OSError("it has been cut short")


def level() -> str | None:
    """The level of the library in use; None without one."""
    found = library()
    return None if found is None else found.level


def address(symbol: str) -> int | None:
    """Where a kernel that was built ahead begins; None if there is none."""
    found = library()
    return None if found is None else found.address(symbol)


def why_not() -> str:
    """Say in words why there is no library; empty if there is one."""
    if library() is not None:
        return ""
    if _turned_off():
        return _turned_off()
    if not _levels():
        return "none is built for a CPU like this one"
    others = sorted(path.name for path in FOLDER.glob("kernels-*.so"))
    if not others:
        return "this installation was made without"
    return f"none can be used of {', '.join(others)}: damaged, or for other CPUs or sources than these"


def _levels() -> tuple[str, ...]:
    wanted = environment.prebuilt()
    return tuple(name for name in cpu.levels() if wanted in ("", name))


def _turned_off() -> str:
    """Say which setting keeps the library from being used; empty if none does."""
    if environment.prebuilt() == "off":
        return f"turned off by {environment.PREBUILT}"
    return next((f"{name} is set" for name in _OTHER_CODE if os.environ.get(name, "")), "")
