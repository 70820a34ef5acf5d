"""A copy of a transform whose methods see another NumPy: one whose new arrays can hold symbols.

``np.zeros(n)`` and ``np.asarray(theta, float)`` make arrays of floats, and ``math.sin(number)`` a float, which lose what is
computed with symbols in them. The copy has the same code with other globals; the transform, its module and NumPy stay as they
are.
"""

from __future__ import annotations

import copy
import functools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from stn_numba.onnx.tracing.arrays import TracedArray, as_objects
from stn_numba.transform import Transform

__all__ = ["rebound"]

_NEW = ("empty", "eye", "full", "identity", "ones", "zeros", "empty_like", "full_like", "ones_like", "zeros_like")
_CONVERTED = ("array", "asanyarray", "asarray", "ascontiguousarray")
_OF_MATH = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2",
    "atanh": "arctanh", "pow": "power",
    **{name: name for name in (
        "cbrt", "ceil", "copysign", "cos", "cosh", "degrees", "exp", "exp2", "expm1", "fabs", "floor", "fmod", "hypot",
        "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "radians", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    )},
}  # fmt: skip
_FOREIGN = ("abc", "builtins", "numpy", "stn_numba", "typing")  # packages whose methods are not recorded, or record as they are


def rebound(transform: Transform) -> Transform | None:
    """Return the copy, or None if the transform's class cannot be copied."""
    kind, rebind = type(transform), _Rebinding()
    methods: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] not in _FOREIGN:
            methods |= {name: new for name, value in vars(base).items() if (new := rebind.attribute(value)) is not None}
    try:
        result = copy.copy(transform)
        result.__class__ = types.new_class(kind.__name__, (kind,), exec_body=lambda names: names.update(methods))
    except Exception:  # slots, or a metaclass of the author's
        return None
    return result


class _Rebinding:
    """Functions with other globals, each made once."""

    def __init__(self) -> None:
        self._functions: dict[types.FunctionType, types.FunctionType] = {}
        self._globals: dict[int, dict[str, Any]] = {}

    def attribute(self, value: Any) -> Any:
        """Return an attribute of a class that calls rebound functions; None for one that is no function."""
        if isinstance(value, types.FunctionType):
            # `MatrixTransform` wraps `matrix`, and will do so again
            inner = getattr(value, "__wrapped__", value)
            return self.function(inner if isinstance(inner, types.FunctionType) else value)
        if isinstance(value, staticmethod | classmethod) and isinstance(value.__func__, types.FunctionType):
            return type(value)(self.function(value.__func__))
        if isinstance(value, property) and isinstance(value.fget, types.FunctionType):
            return property(self.function(value.fget), value.fset, value.fdel)
        return None

    def function(self, function: types.FunctionType) -> types.FunctionType:
        """Return a function with rebound globals."""
        if function not in self._functions:
            names = self._globals.setdefault(id(function.__globals__), {})
            new = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
            new.__kwdefaults__ = function.__kwdefaults__
            self._functions[function] = new
            if not names:
                package = function.__globals__.get("__name__", "").partition(".")[0]
                names.update({name: self._value(value, package) for name, value in function.__globals__.items()})
        return self._functions[function]

    def _value(self, value: Any, package: str) -> Any:
        """Return what stands for a global: NumPy, `math`, one of their functions, or a function of the author's own package."""
        if value is np or value is math:
            return _numpy() if value is np else _math()
        if isinstance(value, types.FunctionType) and value.__module__.partition(".")[0] == package:
            return self.function(value)
        for name in (*_NEW, *_CONVERTED):
            if value is getattr(np, name):
                return getattr(_numpy(), name)
        return next((getattr(np, new) for name, new in _OF_MATH.items() if value is getattr(math, name, None)), value)


@functools.cache
def _numpy() -> types.ModuleType:
    """Return a module like NumPy whose new arrays of floats are arrays of objects."""
    module = types.ModuleType("numpy", "NumPy, whose new arrays can hold symbols.")
    module.__getattr__ = lambda name: getattr(np, name)  # type: ignore[method-assign]
    for name in _NEW:
        setattr(module, name, _making(getattr(np, name)))
    for name in _CONVERTED:
        setattr(module, name, _converting(getattr(np, name)))
    return module


@functools.cache
def _math() -> types.ModuleType:
    """Return a module like `math` whose functions are NumPy's."""
    module = types.ModuleType("math", "The module math, whose functions take symbols.")
    module.__getattr__ = lambda name: getattr(np, _OF_MATH[name]) if name in _OF_MATH else getattr(math, name)  # type: ignore[method-assign]
    return module


def _making(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: _holding(make(*args, **kwargs))


def _converting(convert: Callable[..., Any]) -> Callable[..., Any]:
    def converted(value: Any, dtype: Any = None, **options: Any) -> Any:
        given = as_objects(value)
        if given.dtype != object:
            return _holding(convert(value, dtype, **options))
        array = np.array(given, ndmin=options.get("ndmin", 0), copy=True).view(TracedArray)
        return array if dtype is None else array.astype(dtype)

    return converted


def _holding(array: Any) -> Any:
    """Return floats as an array that can hold symbols."""
    return array.astype(object).view(TracedArray) if array.dtype.kind in "fO" else array
