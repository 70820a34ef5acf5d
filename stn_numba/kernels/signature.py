"""Signatures of kernels: the types of their arguments, and how these are packed into 64-bit words.

A type is a string, or a tuple of types for a tuple of arguments:

=================  =================================================  ======================================
type               argument                                           words
=================  =================================================  ======================================
``int``            a whole number, an address                         1
``float``          a float64                                          1
``bool``           a bool                                             1
``float32``        a number of this dtype (float32 or float64)        1, as float64
``float32[3]``     a C-contiguous array of three axes                 1 + 3: its address and its shape
``like float32``   zero of this dtype: only its type counts           none
=================  =================================================  ======================================
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from stn_numba.kernels.runtime.addresses import address_of

__all__ = ["Signature", "lay_out", "packer", "symbol"]

Signature = str | tuple[Any, ...]


def lay_out(arguments: tuple[Any, ...], words: list[Any]) -> tuple[Signature, ...]:
    """Append the words of arguments to a list, and return their types.

    Raises
    ------
    ValueError
        If an array is not contiguous, as kernels expect.
    """
    return tuple([_lay_out_one(argument, words) for argument in arguments])


def _lay_out_one(argument: Any, words: list[Any]) -> Signature:
    if isinstance(argument, np.ndarray):
        if not argument.flags.c_contiguous:
            raise ValueError(f"expected an array without gaps, got strides {argument.strides} for shape {argument.shape}")
        words.append(address_of(argument))
        words.extend(argument.shape)
        return _array_type(argument.dtype, argument.ndim)
    if isinstance(argument, tuple):
        return lay_out(argument, words)
    words.append(argument)
    if isinstance(argument, bool):
        return "bool"
    if isinstance(argument, int):
        return "int"
    # NumPy's float64 is a Python float as well, and packed as one
    return "float" if isinstance(argument, float) else str(argument.dtype.name)


@functools.cache
def _array_type(dtype: np.dtype[Any], axes: int) -> str:
    return f"{dtype.name}[{axes}]"


@functools.cache
def packer(signature: Signature) -> struct.Struct:
    """Return what packs the words of a signature."""
    return struct.Struct("@" + "".join(_formats(signature)))


def _formats(signature: Signature) -> Iterator[str]:
    if isinstance(signature, tuple):
        for part in signature:
            yield from _formats(part)
    elif signature.endswith("]"):
        yield f"{1 + axes_of(signature)}q"
    elif not signature.startswith("like "):
        yield "q" if signature in ("int", "bool") else "d"


def axes_of(array_type: str) -> int:
    """Return the number of axes in the type of an array."""
    return int(array_type[array_type.index("[") + 1 : -1])


def symbol(kernel: str, signature: Signature) -> str:
    """Return the name of a kernel's machine code for a signature, in a library."""
    return f"{kernel.replace('.', '_')}_{hashlib.sha256(repr(signature).encode()).hexdigest()[:16]}"
