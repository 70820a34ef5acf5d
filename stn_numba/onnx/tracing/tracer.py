"""Record a function of symbols, with both outcomes of each condition that it asks for, and check what was recorded."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.onnx.graph import Graph
from stn_numba.onnx.tracing.arrays import TracedArray, as_objects
from stn_numba.onnx.tracing.operations import where
from stn_numba.onnx.tracing.symbols import Recording, RecordingError, Symbol, recording, value_of

__all__ = ["as_array_of", "traced"]

_MOST_RUNS = 256  # each condition that depends on the image may double them
_TOLERANCE = 1e-7  # of values of about 1, computed in float64 in another order
_FLOATS = (
    "parameters were written into an array of floats and computed with there; make it of theta's dtype, as in "
    "np.zeros(shape, theta.dtype)"
)
_OWN = str(Path(__file__).parent)


def traced(graph: Graph, function: Callable[[], Any], shape: tuple[int, ...], expected: NDArray[np.float64]) -> list[Symbol]:
    """Return what a function of symbols computes, as a list of symbols.

    Parameters
    ----------
    graph : Graph
        Where nodes are added.
    function : callable
        It closes over arrays of symbols, and returns an array.
    shape : tuple of int
        Shape of what the function returns: k symbols.
    expected : (samples, M, k) array
        Their values; M is 1 if they do not depend on positions.

    Raises
    ------
    RecordingError
        If the code cannot be recorded: the message says why, and where.
    """
    runs = 0

    def explored(plan: list[bool]) -> NDArray[Any]:
        """Run the function with these outcomes of its first conditions, and both outcomes of all others."""
        nonlocal runs
        runs += 1
        if runs > _MOST_RUNS:
            raise RecordingError(f"it has more than {_MOST_RUNS} different cases")
        run = Recording(graph, plan)
        with recording(run), np.errstate(all="ignore", invalid="raise"):
            result = as_objects(function())
            if result.shape != shape:
                raise RecordingError(f"its result for one image and one position has the shape {result.shape}, not {shape}")
        for place in range(len(run.taken) - 1, len(plan) - 1, -1):
            condition = run.taken[place][0]
            other = explored([*(outcome for _, outcome in run.taken[:place]), False])
            with recording(run):
                result = np.frompyfunc(lambda a, b, c=condition: where(c, a, b), 2, 1)(result, other)
        return result

    try:
        result = explored([])
    except RecordingError as error:
        raise RecordingError(f"{error}{_place(error)}") from error
    except FloatingPointError as error:
        raise RecordingError(f"{error}: {_FLOATS}{_place(error)}") from error
    except Exception as error:  # NumPy, SciPy and the author's own checks raise anything for symbols
        raise RecordingError(f"{type(error).__name__}: {error}{_place(error)}") from error
    symbols = [each if isinstance(each, Symbol) else Symbol(np.float64(each)) for each in result.ravel().tolist()]
    _check(symbols, expected)
    return symbols


def as_array_of(symbols: list[Symbol]) -> TracedArray:
    """Return an array (1, n) of symbols: a row of theta, or a position."""
    result = np.empty((1, len(symbols)), object)
    result[0] = symbols
    return result.view(TracedArray)


def _check(symbols: list[Any], expected: NDArray[np.float64]) -> None:
    """Compare the values for samples with those that the code computes from numbers."""
    for k, symbol in enumerate(symbols):
        found = np.broadcast_to(value_of(symbol), expected.shape[:2])
        if not np.allclose(found, expected[:, :, k], rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            raise RecordingError(
                f"what was recorded does not give the same numbers: a position depends on others, or {_FLOATS}"
            )


def _place(error: BaseException) -> str:
    """Return the author's line where an error came from."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_OWN) and "numpy" not in Path(frame.filename).parts:
            return f" ({Path(frame.filename).name}, line {frame.lineno}: {frame.line})"
    return ""
