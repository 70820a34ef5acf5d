"""Symbols: what stands for a number while the code of a transform is recorded.

A transform computes each image and each position alone. So it is enough to record one image and one position: a symbol is a
number of theta, a coordinate, or what follows from them, and stands for a tensor (N, 1), (1, M) or (N, M) of the graph. It also
has values for some samples, by which the recording is checked at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from stn_numba.onnx.graph import Graph

__all__ = ["Recording", "RecordingError", "Symbol", "active", "record", "recording", "symbol_of_tag", "value_of"]

_FLOAT = 1  # TensorProto.FLOAT
_TAG = 0x7FF4_5354_0000_0000  # a signaling NaN: NumPy reports arithmetic with it as invalid, and copies it as it is

_QUIET_OR_NEGATIVE = 0x8008_0000_0000_0000  # bits that arithmetic changes; a tag has none of them


class RecordingError(TypeError):
    """Code that cannot be recorded; the message names the NumPy function."""


@dataclass
class Recording:
    """One run of a transform's code.

    Attributes
    ----------
    graph : Graph
        Where nodes are added.
    plan : list of bool
        The outcomes of the first conditions; the conditions after them are true.
    taken : list of (Symbol, bool)
        The conditions that the code has asked for, and their outcomes.
    tagged : list of Symbol
        Symbols that were written into arrays of floats.
    """

    graph: Graph
    plan: list[bool] = field(default_factory=list)
    taken: list[tuple[Symbol, bool]] = field(default_factory=list)
    tagged: list[Symbol] = field(default_factory=list)

    def decide(self, condition: Symbol) -> bool:
        """Return the outcome of a condition in this run."""
        for earlier, outcome in self.taken:
            if earlier.same_as(condition):
                return outcome
        place = len(self.taken)
        outcome = self.plan[place] if place < len(self.plan) else True
        self.taken.append((condition, outcome))
        return outcome


_active: ContextVar[Recording] = ContextVar("stn_numba_onnx_recording")


def active() -> Recording:
    """Return the run in which symbols are computed."""
    return _active.get()


@contextmanager
def recording(run: Recording) -> Iterator[None]:
    """Record in this run what the block computes with symbols."""
    token = _active.set(run)
    try:
        yield
    finally:
        _active.reset(token)


class Symbol(NDArrayOperatorsMixin):
    """A number for each image and position.

    Operators and NumPy's functions record nodes. A symbol that does not depend on theta is constant, and is computed at once.

    Parameters
    ----------
    value : array
        Values that broadcast to (samples, M); (1, M) or () for a constant.
    tensor : str, default ""
        Name of the value in the graph; "" for a constant.
    """

    ufunc: Callable[..., Any]  # set by `arrays`, which knows the functions

    def __init__(self, value: Any, tensor: str = "") -> None:
        self.value, self.tensor = np.asarray(value), tensor

    def same_as(self, other: Symbol) -> bool:
        """Whether two symbols have the same values in all images."""
        if self.tensor or other.tensor:
            return self.tensor == other.tensor
        return np.array_equal(self.value, other.value, equal_nan=self.value.dtype.kind == "f")

    @property
    def number(self) -> Any:
        """The one value of a constant that has the same everywhere, else None."""
        first = self.value.flat[0] if self.value.size else None
        return first if not self.tensor and np.array_equal(self.value, np.full_like(self.value, first), True) else None

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return Symbol.ufunc(ufunc, method, *inputs, **options)

    def __getattr__(self, name: str) -> Any:
        """Return what NumPy calls on the elements of an array of objects, as in ``x.sin()``."""
        function = getattr(np, name, None)
        if name.startswith("_") or not isinstance(function, np.ufunc):
            raise AttributeError(f"a symbol has no {name!r}")
        return lambda *others: function(self, *others)

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        number = self.number
        return active().decide(self) if number is None else bool(number)

    def __float__(self) -> float:
        """Return a NaN that stands for the symbol in an array of floats, until the array is read again."""
        number = self.number
        if number is not None:
            return float(number)
        tagged = active().tagged
        tagged.append(self)
        return float(struct.unpack("<d", struct.pack("<Q", _TAG + len(tagged)))[0])

    def __int__(self) -> int:
        return int(self._known("int"))

    def __index__(self) -> int:
        number = self._known("an index")
        if number != int(number):
            raise RecordingError(f"an index that is not whole: {number}")
        return int(number)

    def __floor__(self) -> Any:
        return np.floor(self)

    def __ceil__(self) -> Any:
        return np.ceil(self)

    def __trunc__(self) -> Any:
        return np.trunc(self)

    def _known(self, what: str) -> Any:
        number = self.number
        if number is None:
            raise RecordingError(f"{what} that depends on theta or on the position")
        return number


def symbol_of_tag(number: Any) -> Any:
    """Return the symbol that a number stands for, or the number itself.

    Raises
    ------
    FloatingPointError
        If it was computed from such a number, which NumPy does not report of each function on each CPU.
    """
    if not isinstance(number, float) or number == number:
        return number
    bits, tagged = int(struct.unpack("<Q", struct.pack("<d", number))[0]), active().tagged
    place = (bits & ~_QUIET_OR_NEGATIVE) - _TAG
    if not 0 < place <= len(tagged):
        return number
    if bits & _QUIET_OR_NEGATIVE:
        raise FloatingPointError("invalid value encountered in an array of floats")
    return tagged[place - 1]


def value_of(operand: Any, *, logical: bool = False) -> NDArray[Any]:
    """Return the values of a symbol or a number, as truth values or as floats."""
    value = operand.value if isinstance(operand, Symbol) else np.asarray(operand)
    return value.astype(bool if logical else np.float64)


def record(operator: str, function: Callable[..., Any], *operands: Any, logical: tuple[bool, ...] = ()) -> Symbol:
    """Return the symbol that an operator of ONNX makes of symbols and numbers.

    Parameters
    ----------
    operator : str
        Name of the operator.
    function : callable
        What computes the same of NumPy arrays.
    *operands
        Symbols or numbers.
    logical : tuple of bool, default ()
        Which operands are truth values; those that are not named are numbers.
    """
    kinds = (*logical, *[False] * (len(operands) - len(logical)))
    with np.errstate(all="ignore"):
        value = function(*(value_of(each, logical=kind) for each, kind in zip(operands, kinds, strict=True)))
    if not any(isinstance(each, Symbol) and each.tensor for each in operands):
        return Symbol(value)
    names = [_name(each, kind) for each, kind in zip(operands, kinds, strict=True)]
    return Symbol(value, active().graph.node(operator, *names))


def _name(operand: Any, logical: bool) -> str:
    """Return the name of an operand in the graph, as a truth value or as a float."""
    graph = active().graph
    if not isinstance(operand, Symbol) or not operand.tensor:
        return graph.constant(value_of(operand, logical=logical))
    is_logical = operand.value.dtype.kind == "b"
    if logical and not is_logical:
        return graph.node("Not", graph.node("Equal", operand.tensor, 0.0))
    return graph.node("Cast", operand.tensor, to=_FLOAT) if is_logical and not logical else operand.tensor
