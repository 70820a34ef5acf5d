"""Call kernels by the address of their machine code, which is prebuilt, or compiled when it is first needed.

Numba is not imported until a kernel has to be compiled.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from stn_numba.kernels.runtime import prebuilt
from stn_numba.kernels.signature import Signature, lay_out, packer, symbol
from stn_numba.threads import limits

__all__ = ["Entry", "Kernel", "Loaded", "kernel", "loaded", "recorded"]

_FUNCTION = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
_ONE = (ctypes.c_size_t * 1)(1)
lock = threading.RLock()  # held while a kernel is loaded or compiled


class Loaded(NamedTuple):
    """A kernel in use in this process.

    Attributes
    ----------
    kernel
        Module and name.
    signature
        The types of its arguments, see `kernels.signature`.
    source
        ``"prebuilt"``, ``"cache"`` (on disk) or ``"compiled"``.
    """

    kernel: str
    signature: Signature
    source: str


class Entry:
    """The machine code of a kernel for one signature.

    Attributes
    ----------
    address
        Where it begins.
    function
        The same for ctypes; it releases the GIL.
    """

    __slots__ = ("_memory", "_pack", "address", "function")

    def __init__(self, address: int, signature: Signature) -> None:
        self.address, self.function = address, _FUNCTION(address)
        packing = packer(("int", signature))
        self._pack, self._memory = packing.pack, ctypes.c_int64 * (packing.size // 8)

    def job(self, words: Iterable[Any]) -> Any:
        """Return the words of arguments in memory, after one for an error, 0 for none."""
        return self._memory.from_buffer_copy(self._pack(0, *words))

    def run(self, job: Any) -> None:
        """Call a kernel that runs once."""
        self.function(_ONE, _ONE, _ONE, job)


class Kernel:
    """A kernel by its module within ``stn_numba`` and its name; compiled for the types of its arguments."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self._entries: dict[Signature, Entry] = {}

    def __call__(self, *arguments: Any) -> None:
        """Call a kernel that runs once; arrays must be contiguous."""
        words: list[Any] = []
        entry = self.entry(lay_out(arguments, words))
        entry.run(entry.job(words))

    def entry(self, signature: Signature) -> Entry:
        """Return the machine code for a signature."""
        found = None if _recording else self._entries.get(signature)
        return found or self._make(signature)

    def _make(self, signature: Signature) -> Entry:
        full = f"{self.module}.{self.name}"
        if _recording:
            _recording[-1].add((full, signature))
            return Entry(ctypes.cast(_NOTHING, ctypes.c_void_p).value or 0, signature)
        with lock:
            found = self._entries.get(signature)
            if found is None:
                address, source = prebuilt.address(symbol(full, signature)), "prebuilt"
                if address is None:
                    limits.numba_ceiling()  # raises a clear error for a bad number of threads, which Numba does not
                    module = importlib.import_module(f"stn_numba.{self.module}")
                    address, from_cache = getattr(module, self.name).compile(signature)
                    source = "cache" if from_cache else "compiled"
                _loaded.append(Loaded(full, signature, source))
                found = self._entries[signature] = Entry(address, signature)
        return found


_NOTHING = _FUNCTION(lambda *_: None)
_recording: list[set[tuple[str, Signature]]] = []
_loaded: list[Loaded] = []


@contextlib.contextmanager
def recorded() -> Iterator[set[tuple[str, Signature]]]:
    """Collect the kernels and signatures that are requested within a block, where kernels do nothing and none is compiled."""
    _recording.append(set())
    try:
        yield _recording[-1]
    finally:
        _recording.pop()


def loaded() -> list[Loaded]:
    """Return the kernels that this process has loaded or compiled so far."""
    return list(_loaded)


@functools.cache
def kernel(module: str, name: str) -> Kernel:
    """Return a kernel by its module and name."""
    return Kernel(module, name)
