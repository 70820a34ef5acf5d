"""NumPy's functions of numbers, in operators of ONNX, by the name of NumPy's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from stn_numba.onnx.tracing.symbols import Symbol, record

__all__ = ["OPERATIONS", "where"]

Operation = Callable[..., Any]

_DIRECT = {
    "absolute": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh",
    "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "divide": "Div", "equal": "Equal",
    "exp": "Exp", "floor": "Floor", "greater": "Greater", "greater_equal": "GreaterOrEqual", "isinf": "IsInf",
    "isnan": "IsNaN", "less": "Less", "less_equal": "LessOrEqual", "log": "Log", "maximum": "Max", "minimum": "Min",
    "multiply": "Mul", "negative": "Neg", "rint": "Round", "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt",
    "subtract": "Sub", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor", "logical_not": "Not"}


def _direct(name: str, operator: str, truths: bool = False) -> Operation:
    function = getattr(np, name)
    kinds = (truths,) * function.nin
    return lambda *operands: record(operator, function, *operands, logical=kinds)


OPERATIONS: dict[str, Operation] = {
    **{name: _direct(name, operator) for name, operator in _DIRECT.items()},
    **{name: _direct(name, operator, True) for name, operator in _LOGICAL.items()},
}
"""``operation(*operands) -> Symbol`` for symbols and numbers."""


def _operation(function: Operation) -> Operation:
    """Enter a function into the table, under its name."""
    OPERATIONS[function.__name__.rstrip("_")] = function
    return function


_o = OPERATIONS


def where(condition: Any, a: Any, b: Any) -> Any:
    """Choose between two numbers."""
    if a is b:
        return a
    return record("Where", np.where, condition, a, b, logical=(True,))


@_operation
def not_equal(a: Any, b: Any) -> Any:
    return _o["logical_not"](_o["equal"](a, b))


@_operation
def isfinite(x: Any) -> Any:
    return _o["logical_not"](_o["logical_or"](_o["isnan"](x), _o["isinf"](x)))


@_operation
def power(x: Any, exponent: Any) -> Any:
    number = exponent.number if isinstance(exponent, Symbol) else exponent
    if number in (1, 2, 3, 4):
        return functools.reduce(_o["multiply"], [x] * int(number))
    return _o["sqrt"](x) if number == 0.5 else record("Pow", np.power, x, exponent)


@_operation
def clip(x: Any, low: Any, high: Any) -> Any:
    return _o["minimum"](_o["maximum"](x, low), high)


@_operation
def positive(x: Any) -> Any:
    return x


@_operation
def square(x: Any) -> Any:
    return x * x


@_operation
def reciprocal(x: Any) -> Any:
    return 1.0 / x


@_operation
def hypot(x: Any, y: Any) -> Any:
    return _o["sqrt"](x * x + y * y)


@_operation
def cbrt(x: Any) -> Any:
    return _o["sign"](x) * _o["power"](_o["absolute"](x), 1 / 3)


@_operation
def arctan2(y: Any, x: Any) -> Any:
    wide = _o["greater_equal"](_o["absolute"](x), _o["absolute"](y))
    half_turn = where(_o["less"](x, 0), where(_o["less"](y, 0), -np.pi, np.pi), 0.0)
    across = _o["arctan"](y / where(_o["equal"](x, 0), 1.0, x)) + half_turn
    upright = _o["sign"](y) * (np.pi / 2) - _o["arctan"](x / where(_o["equal"](y, 0), 1.0, y))
    return where(wide, across, upright)


@_operation
def floor_divide(x: Any, y: Any) -> Any:
    return _o["floor"](x / y)


@_operation
def remainder(x: Any, y: Any) -> Any:
    return x - _o["floor"](x / y) * y


@_operation
def fmod(x: Any, y: Any) -> Any:
    return x - _o["trunc"](x / y) * y


@_operation
def trunc(x: Any) -> Any:
    return where(_o["less"](x, 0), _o["ceil"](x), _o["floor"](x))


@_operation
def exp2(x: Any) -> Any:
    return _o["exp"](x * np.log(2))


@_operation
def expm1(x: Any) -> Any:
    return _o["exp"](x) - 1


@_operation
def log2(x: Any) -> Any:
    return _o["log"](x) / np.log(2)


@_operation
def log10(x: Any) -> Any:
    return _o["log"](x) / np.log(10)


@_operation
def log1p(x: Any) -> Any:
    return _o["log"](x + 1)


@_operation
def logaddexp(x: Any, y: Any) -> Any:
    return _o["maximum"](x, y) + _o["log"](1 + _o["exp"](-_o["absolute"](x - y)))


@_operation
def deg2rad(x: Any) -> Any:
    return x * (np.pi / 180)


@_operation
def rad2deg(x: Any) -> Any:
    return x * (180 / np.pi)


@_operation
def copysign(x: Any, y: Any) -> Any:
    return where(_o["less"](y, 0), -_o["absolute"](x), _o["absolute"](x))


@_operation
def signbit(x: Any) -> Any:
    return _o["less"](x, 0)


@_operation
def heaviside(x: Any, at_zero: Any) -> Any:
    return where(_o["equal"](x, 0), at_zero, where(_o["less"](x, 0), 0.0, 1.0))


@_operation
def fmax(x: Any, y: Any) -> Any:
    return where(_o["isnan"](x), y, where(_o["isnan"](y), x, _o["maximum"](x, y)))


@_operation
def fmin(x: Any, y: Any) -> Any:
    return where(_o["isnan"](x), y, where(_o["isnan"](y), x, _o["minimum"](x, y)))


def _of_bits(name: str) -> Operation:
    """Return a function of masks, such as ``&``: of truth values only."""

    def function(*operands: Any) -> Any:
        if any(value.dtype.kind != "b" for value in map(_raw, operands)):
            raise TypeError(f"numpy.{name} of numbers")
        return OPERATIONS[name.replace("bitwise", "logical")](*operands)

    return function


def _raw(operand: Any) -> Any:
    return operand.value if isinstance(operand, Symbol) else np.asarray(operand)


OPERATIONS |= {name: _of_bits(name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")}
OPERATIONS |= {
    "invert": OPERATIONS["logical_not"], "conjugate": positive, "fabs": OPERATIONS["absolute"], "float_power": power,
    "true_divide": OPERATIONS["divide"], "radians": deg2rad, "degrees": rad2deg, "mod": remainder,
}  # fmt: skip
