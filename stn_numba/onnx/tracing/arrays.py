"""Arrays of symbols, which take NumPy's functions and operators as arrays of numbers do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arrays import SymbolicArray
from stn_numba.onnx.tracing.operations import OPERATIONS, where
from stn_numba.onnx.tracing.symbols import RecordingError, Symbol, symbol_of_tag

__all__ = ["TracedArray", "as_objects"]

Objects = NDArray[Any]

_NATIVE = ("matmul", "vecdot", "matvec", "vecmat")  # products of matrices, which NumPy computes with elements' own operators
_METHODS = ("__call__", "reduce", "accumulate", "outer")


class TracedArray(SymbolicArray):
    """An array of dtype object whose elements are symbols or numbers.

    NumPy's own loops over objects call the operators of symbols. What they cannot do, such as `numpy.minimum` without asking
    which is smaller, goes through `OPERATIONS`.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return _apply(ufunc, method, *inputs, **options)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        function = _FUNCTIONS.get(func)
        if function is not None:
            return function(*args, **kwargs)
        if func in _REFUSED:
            raise RecordingError(f"the function {func.__name__!r} has no counterpart")
        return wrapped(super().__array_function__(func, types, args, kwargs))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the array itself: symbols stand for numbers of every dtype. As whole numbers, they are cut off."""
        kind = np.dtype(dtype).kind
        if kind in "iu":
            return np.trunc(self)
        return np.not_equal(self, 0) if kind == "b" else self.copy()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_as_index(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_as_index(key), value)


def wrapped(result: Any) -> Any:
    """Return an array of objects as one of symbols; other results as they are."""
    if isinstance(result, tuple | list):
        return type(result)(map(wrapped, result)) if type(result) in (tuple, list) else result
    is_plain = isinstance(result, np.ndarray) and result.dtype == object
    return result.view(TracedArray) if is_plain else result


def as_objects(value: Any) -> Objects:
    """Return symbols and numbers as a plain array of objects; the symbols that floats stand for are put in their place."""
    if isinstance(value, Symbol):
        result = np.empty((), object)
        result[()] = value
        return result
    array: Objects = np.asarray(value)
    if array.dtype == object or (array.dtype == np.float64 and np.isnan(array).any()):
        flat = [symbol_of_tag(each) for each in array.ravel().tolist()]
        array = np.empty(array.shape, object)
        array.ravel()[:] = flat
    return array


def _as_index(key: Any) -> Any:
    """Return an index without symbols: a mask asks for the outcome of each condition."""
    if isinstance(key, tuple):
        return tuple(map(_as_index, key))
    if not isinstance(key, TracedArray):
        return key
    logical = all(isinstance(each, Symbol | bool | np.bool_) and _is_logical(each) for each in key.ravel().tolist())
    plain = [bool(each) if logical else int(each) for each in key.ravel().tolist()]
    return np.array(plain, bool if logical else np.intp).reshape(key.shape)


def _is_logical(value: Any) -> bool:
    return value.value.dtype.kind == "b" if isinstance(value, Symbol) else True


def _apply(ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
    """Compute a ufunc of symbols, number by number."""
    operands = [as_objects(each) for each in inputs[: ufunc.nin]]
    if ufunc.__name__ in _NATIVE and method == "__call__":
        result = ufunc(*operands, **{key: value for key, value in options.items() if key in ("axis", "axes")})
    else:
        function, kept = _elementwise(ufunc, method), _kept(ufunc, options)
        with np.errstate(all="ignore"):  # samples may be NaN
            result = function(*operands, *inputs[ufunc.nin :], **kept)
    targets = out if isinstance(out, tuple) else (out,)
    if targets[0] is not None:
        targets[0][...] = result
        return targets[0] if targets[0].dtype == object else wrapped(np.asarray(result, object))
    return wrapped(result)


def _elementwise(ufunc: np.ufunc, method: str) -> Callable[..., Any]:
    operation = OPERATIONS.get(ufunc.__name__)
    if operation is None or method not in _METHODS:
        raise RecordingError(
            f"the function {ufunc.__name__!r}{'' if method == '__call__' else f' ({method})'} has no counterpart"
        )
    function: Callable[..., Any] = getattr(np.frompyfunc(operation, ufunc.nin, 1, identity=ufunc.identity), method)
    return function


def _kept(ufunc: np.ufunc, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a ufunc that matter for objects."""
    if options.get("where", True) is not True:
        raise RecordingError(f"numpy.{ufunc.__name__} with where=")
    kept = {key: value for key, value in options.items() if key in ("axis", "keepdims", "initial")}
    if kept.get("initial") is np._NoValue or kept.get("initial") is None:
        kept.pop("initial", None)
    return kept


def _where(condition: Any, *choices: Any) -> Any:
    if len(choices) != 2:
        raise RecordingError("numpy.where with a condition alone")
    with np.errstate(all="ignore"):
        return wrapped(np.frompyfunc(where, 3, 1)(*(as_objects(each) for each in (condition, *choices))))


def _select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = _where(condition, choice, result)
    return result


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    if left is not None or right is not None or period is not None:
        raise RecordingError("numpy.interp with left, right or period")
    xp, fp = np.asarray(xp, np.float64), np.asarray(fp, np.float64)
    slopes = np.diff(fp) / np.diff(xp)
    return fp[0] + sum(slope * (np.clip(x, a, b) - a) for slope, a, b in zip(slopes, xp[:-1], xp[1:], strict=True))


def _nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    largest = float(np.finfo(np.float32).max)
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    return _where(np.isnan(x), nan, _where(np.isinf(x), _where(x > 0, high, low), x))


def _det(a: Any) -> Any:
    """Return determinants by the first row."""
    size = a.shape[-1]
    if size == 1:
        return a[..., 0, 0]
    return sum((-1) ** k * a[..., 0, k] * _det(np.delete(a[..., 1:, :], k, axis=-1)) for k in range(size))


def _inv(a: Any) -> Any:
    """Return inverses by cofactors."""
    size = a.shape[-1]
    if size > 3:
        raise RecordingError("numpy.linalg.inv of more than 3 x 3")
    if size == 1:
        return 1 / a
    cofactors = [
        [(-1) ** (i + j) * _det(np.delete(np.delete(a, j, axis=-2), i, axis=-1)) for j in range(size)] for i in range(size)
    ]
    return np.stack([np.stack(row, axis=-1) for row in cofactors], axis=-2) / _det(a)[..., None, None]


def _solve(a: Any, b: Any) -> Any:
    return _inv(a) @ b


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where, np.select: _select, np.interp: _interp, np.nan_to_num: _nan_to_num,
    np.linalg.det: _det, np.linalg.inv: _inv, np.linalg.solve: _solve,
}  # fmt: skip
_REFUSED = (np.searchsorted, np.digitize, np.piecewise, np.sort, np.argsort, np.unique, np.nonzero)

Symbol.ufunc = staticmethod(_apply)
