"""Optimizers as (init, update): the state is theirs to make and the caller's to keep.

``update`` returns descent directions; the training loop subtracts rate times direction from the parameters. An optimizer that
has ``apply`` does both at once, in place, in one pass over each array; to the same numbers, rounding aside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool, as_real
from stn_numba._util.arrays import as_array
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Floats

__all__ = ["SGD", "Adam", "InPlace", "Optimizer"]

State = dict[str, Any]

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
_ADAM, _MOMENTUM = kernel("nn.kernels.optimizers", "adam"), kernel("nn.kernels.optimizers", "momentum")


class Optimizer(Protocol):
    """What `fit` asks of an optimizer.

    For checkpoints the state must be nested dicts of arrays and of what JSON can hold; give the class a ``__repr__`` that says
    its options, and a run will refuse to go on with others.
    """

    def init(self, params: Arrays) -> State:
        """Return the state before the first step."""

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """Return the descent directions and the next state."""


@runtime_checkable
class InPlace(Protocol):
    """An optimizer that changes parameters and state in place."""

    def apply(self, params: Arrays, gradients: Arrays, state: State, rates: Mapping[str, float]) -> None:
        """Take one step, each parameter at its own rate.

        Those of this library raise a ValueError before anything is written, if an array of parameters or of the state does
        not fit or cannot be written to. (`fit` gives layers a copy of such arrays.) Gradients are only read.
        """


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum: v = momentum v + g.

    Parameters
    ----------
    momentum
        In [0, 1).
    nesterov
        Whether to look one step ahead: direction g + momentum v.

    Raises
    ------
    TypeError, ValueError
        If an option is of another type or out of its range.

    Examples
    --------
    >>> rule = SGD(momentum=0.5)
    >>> state = rule.init({"w": np.zeros(1)})
    >>> for _ in range(2):
    ...     directions, state = rule.update({"w": np.ones(1)}, state)
    >>> directions["w"].tolist()
    [1.5]
    """

    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        as_real(self.momentum, "momentum", "[0, 1)")
        as_bool(self.nesterov, "nesterov")

    def init(self, params: Arrays) -> State:
        """Return zero velocities."""
        return {"velocity": {name: np.zeros_like(array) for name, array in params.items()}}

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """Return the velocities, or the look-ahead."""
        velocity = {name: self.momentum * state["velocity"][name] + g for name, g in gradients.items()}
        if not self.nesterov:
            return velocity, {"velocity": velocity}
        ahead = {name: g + self.momentum * velocity[name] for name, g in gradients.items()}
        return ahead, {"velocity": velocity}

    def apply(self, params: Arrays, gradients: Arrays, state: State, rates: Mapping[str, float]) -> None:
        """Take one step in place; see `InPlace`."""
        for dtype, names, table, _ in _tables(params, gradients, {"velocity": state["velocity"]}, rates):
            own = np.array([rates[name] for name in names], dtype)
            _MOMENTUM(table, own, dtype.type(self.momentum), bool(self.nesterov))


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1).

    Parameters
    ----------
    beta1, beta2
        How much of the means of gradients and of their squares is kept at each step, in [0, 1).
    epsilon
        Added to the root of the mean square, more than 0.

    Raises
    ------
    TypeError, ValueError
        If an option is of another type or out of its range.

    Examples
    --------
    >>> rule = Adam()
    >>> directions, _ = rule.update({"w": np.full(1, 7.0)}, rule.init({"w": np.zeros(1)}))
    >>> round(float(directions["w"][0]), 6)
    1.0
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        as_real(self.beta1, "beta1", "[0, 1)")
        as_real(self.beta2, "beta2", "[0, 1)")
        as_real(self.epsilon, "epsilon", "(0, inf)")

    def init(self, params: Arrays) -> State:
        """Return zero moments."""
        zeros = {name: np.zeros_like(array) for name, array in params.items()}
        return {"step": 0, "mean": zeros, "square": {name: np.zeros_like(a) for name, a in params.items()}}

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """Return bias-corrected mean over root of the bias-corrected square."""
        step = state["step"] + 1
        mean = {n: self.beta1 * state["mean"][n] + (1 - self.beta1) * g for n, g in gradients.items()}
        square = {n: self.beta2 * state["square"][n] + (1 - self.beta2) * g * g for n, g in gradients.items()}
        c1, c2 = 1 - self.beta1**step, 1 - self.beta2**step
        directions = {n: (mean[n] / c1) / (np.sqrt(square[n] / c2) + self.epsilon) for n in gradients}
        return directions, {"step": step, "mean": mean, "square": square}

    def apply(self, params: Arrays, gradients: Arrays, state: State, rates: Mapping[str, float]) -> None:
        """Take one step in place; see `InPlace`."""
        tables = _tables(params, gradients, {"mean": state["mean"], "square": state["square"]}, rates)
        state["step"] += 1
        correction, root = 1 / (1 - self.beta1 ** state["step"]), 1 / math.sqrt(1 - self.beta2 ** state["step"])
        numbers = (self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, root, self.epsilon)
        for dtype, names, table, _ in tables:
            own = np.array([rates[name] * correction for name in names], dtype)
            _ADAM(table, own, *map(dtype.type, numbers))


class _Table(NamedTuple):
    """What a kernel changes: parameters of one dtype, and where their arrays lie.

    Attributes
    ----------
    dtype, names
        Of the parameters.
    rows
        Of int64, for each parameter: how many numbers, and the addresses of parameter, gradient and arrays of the state.
    arrays
        All of them, which must live until the kernel is done.
    """

    dtype: np.dtype[Any]
    names: list[str]
    rows: NDArray[np.int64]
    arrays: list[Sequence[Floats]]


def _tables(params: Arrays, gradients: Arrays, state: Mapping[str, Arrays], rates: Mapping[str, float]) -> list[_Table]:
    """Return tables of all parameters that have a gradient.

    All are checked before any is written to; kernels do not validate.
    """
    found: dict[np.dtype[Any], dict[str, Sequence[Floats]]] = {}
    for name, gradient in gradients.items():
        if not _has_rate(name, rates):
            continue
        param = _writable(params, name, gradient, "params")
        others = [_writable(arrays, name, gradient, f"state[{part!r}]", param.dtype) for part, arrays in state.items()]
        found.setdefault(param.dtype, {})[name] = [param, plain(gradient, param.dtype), *others]
    return [
        _Table(
            dtype,
            list(named),
            np.array([(a[0].size, *map(address_of, a)) for a in named.values()], np.int64),
            [*named.values()],
        )
        for dtype, named in found.items()
    ]


def plain(array: ArrayLike, dtype: np.dtype[Any]) -> Floats:
    """Return an array of a dtype as kernels are compiled for: writable, without gaps; a copy only where it is none yet."""
    if isinstance(array, np.ndarray) and array.dtype == dtype and array.flags.carray:
        return array
    return np.array(array, dtype, order="C")


def _writable(
    arrays: Mapping[str, Floats], name: str, gradient: Floats, what: str, dtype: np.dtype[Any] | None = None
) -> Floats:
    """Return an array that kernels can write to, of a dtype, or of either that they know."""
    label = f"{what}[{name!r}]"
    if name not in arrays:
        raise ValueError(f"{label}: expected an array, since there is a gradient of that name; got none")
    array, dtypes = arrays[name], _DTYPES if dtype is None else [dtype]
    if not isinstance(array, np.ndarray) or array.dtype not in dtypes or array.shape != np.shape(gradient):
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{label}: expected {' or '.join(map(str, dtypes))} {np.shape(gradient)}, as its gradient, got {got}")
    if not array.flags.carray:
        fault = "with gaps" if array.flags.writeable else "that is read-only"
        raise ValueError(f"{label}: expected an array that can be written to in place, got one {fault}: give a copy")
    return array


def _has_rate(name: str, rates: Mapping[str, float]) -> bool:
    if name not in rates:
        raise ValueError(f"rates[{name!r}]: expected a rate, since there is a gradient of that name; got none")
    return True


def clip_by_global_norm(gradients: Arrays, limit: float) -> Arrays:
    """Scale all gradients together so that their joint Euclidean norm is at most `limit`.

    Raises
    ------
    TypeError, ValueError
        If the gradients are no arrays by name, or the limit is not more than 0.

    Examples
    --------
    >>> clip_by_global_norm({"w": np.array([6.0, 8.0])}, 5.0)["w"].tolist()
    [3.0, 4.0]
    """
    limit = as_real(limit, "limit", "(0, inf]")
    if not isinstance(gradients, Mapping):
        raise TypeError(f"gradients: expected arrays by name, got {type(gradients).__name__}")
    arrays = {name: _floats(array, f"gradient {name!r}") for name, array in gradients.items()}
    norm = float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in arrays.values())))
    if not norm > limit:
        return gradients
    return {name: g * g.dtype.type(limit / norm) for name, g in arrays.items()}


def _floats(array: ArrayLike, name: str) -> Floats:
    array = as_array(array, name)
    if array.dtype.kind != "f":
        raise TypeError(f"{name}: expected floats, got dtype {array.dtype}")
    return array
