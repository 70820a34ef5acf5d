"""Load kernels that were compiled when the wheel was built: a shared library for each level of CPUs.

The name of a library holds a digest of the sources it was made from; one that does not match this installation's is never
used. Nor is a truncated one: the system would load it, and kill the process at the first missing page.
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

# Numba's settings that ask for other machine code.
_OTHER_CODE = ("NUMBA_BOUNDSCHECK", "NUMBA_DEBUGINFO", "NUMBA_LOOP_VECTORIZE", "NUMBA_OPT", "NUMBA_SLP_VECTORIZE")


class Library:
    """A library that has been loaded: its path, the level it was built for, and its functions."""

    def __init__(self, path: Path, level: str) -> None:
        self.path, self.level, self._functions = path, level, ctypes.CDLL(str(path))

    def address(self, symbol: str) -> int | None:
        """The address of a kernel; None if the library does not have it."""
        function = getattr(self._functions, symbol, None)
        return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


def file_name(level: str) -> str:
    """File name of the library of a level, for the current sources."""
    return f"kernels-{level}-{source_digest.digest()}.so"


@functools.cache
def library() -> Library | None:
    """The library for this CPU; None if there is none, see `why_not`."""
    if _turned_off():
        return None
    for name in _levels():
        path = FOLDER / file_name(name)
        if path.exists():
            try:
                _expect_complete(path)
                return Library(path, name)
            except OSError as error:  # damaged, or of another system
                logger.warning("%s cannot be loaded, kernels are compiled instead: %s", path, error)
    return None


def _expect_complete(path: Path) -> None:
    """Raise OSError for a library that ends before its section table, which is the last part of an ELF file."""
    with open(path, "rb") as file:
        header = file.read(64)
    if len(header) < 64 or header[:4] != b"\x7fELF":
        raise OSError("it is no library")
    (start,), (size, number) = struct.unpack_from("<Q", header, 0x28), struct.unpack_from("<HH", header, 0x3A)
    if path.stat().st_size < start + size * number:
        raise OSError("it has been cut short")


def level() -> str | None:
    """The level of the library in use; None if there is none."""
    found = library()
    return None if found is None else found.level


def address(symbol: str) -> int | None:
    """The address of a prebuilt kernel; None if there is none."""
    found = library()
    return None if found is None else found.address(symbol)


def why_not() -> str:
    """Why there is no library, for people; empty if there is one."""
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
    """Which setting disables the library, for people; empty if none does."""
    if environment.prebuilt() == "off":
        return f"turned off by {environment.PREBUILT}"
    return next((f"{name} is set" for name in _OTHER_CODE if os.environ.get(name, "")), "")
