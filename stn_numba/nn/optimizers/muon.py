"""Muon: steps whose matrices have all singular values near 1, for convolutions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.base import State

__all__ = ["Muon"]

_ITERATIONS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ADAM_SIZE = 0.2  # root mean square of a step of Adam


@dataclass(frozen=True)
class Muon:
    """Momentum made orthogonal (Jordan, 2024 [1]_) for the weights of convolutions; all other parameters follow `adam`.

    Weights with more than two axes, as (k, k, C, F), are treated as matrices (k k C, F). Five Newton-Schulz iterations bring
    all singular values of the momentum near 1. Steps are scaled to the size of Adam's, so learning rate and weight decay are
    those of Adam (Liu et al., arXiv 2502.16982, section 2.2).

    Parameters
    ----------
    momentum : float, default 0.95
        Decay rate of the running mean of gradients, in [0, 1); Nesterov's momentum is used.
    adam : Adam, default Adam()
        The optimizer of biases and dense layers.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong type or is out of its range.

    References
    ----------
    .. [1] K. Jordan, "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io/posts/muon, 2024.

    Examples
    --------
    >>> optimizer, params = Muon(), {"w": np.zeros((3, 3, 4, 8))}
    >>> gradient = np.random.default_rng(0).normal(size=(3, 3, 4, 8))
    >>> optimizer.apply(params, {"w": gradient}, optimizer.init(params), {"w": 1.0})
    >>> values = np.linalg.svd(params["w"].reshape(36, 8), compute_uv=False) / (0.2 * 36**0.5)
    >>> bool((abs(values - 1) < 0.4).all())
    True
    """

    momentum: float = 0.95
    adam: Adam = field(default_factory=Adam)

    def __post_init__(self) -> None:
        as_real(self.momentum, "momentum", "[0, 1)")
        if not isinstance(self.adam, Adam):
            raise TypeError(f"adam: expected an Adam, got {self.adam!r:.60}")

    def init(self, params: Arrays) -> State:
        """Return zero momentum for convolutions, and the state of `adam` for the other parameters."""
        return {
            "momentum": {name: np.zeros_like(array) for name, array in params.items() if array.ndim > 2},
            "adam": self.adam.init({name: array for name, array in params.items() if array.ndim <= 2}),
        }

    def apply(self, params: Arrays, gradients: Arrays, state: State, learning_rates: Mapping[str, float]) -> None:
        """Take one step in place; see `Optimizer`."""
        momentum, adam = state["momentum"], state["adam"]
        adam["step"] += 1
        for name, gradient in gradients.items():
            if name in momentum:
                keep = momentum[name].dtype.type(self.momentum)
                momentum[name] = _interpolated(momentum[name], gradient, 1 - keep)
                direction = _direction(_interpolated(gradient, momentum[name], keep))
            else:
                direction = _adam_direction(self.adam, name, gradient, adam)
            params[name] -= learning_rates[name] * direction


def _adam_direction(adam: Adam, name: str, g: Floats, state: State) -> Floats:
    """Return the step of Adam, before it is multiplied by the learning rate."""
    mean = state["mean"][name] = adam.beta1 * state["mean"][name] + (1 - adam.beta1) * g
    square = state["square"][name] = adam.beta2 * state["square"][name] + (1 - adam.beta2) * g * g
    correction1, correction2 = 1 - adam.beta1 ** state["step"], 1 - adam.beta2 ** state["step"]
    direction: Floats = (mean / correction1) / (np.sqrt(square / correction2) + adam.epsilon)
    return direction


def _direction(momentum: Floats) -> Floats:
    """Return the orthogonalized momentum, scaled to the size of a step of Adam."""
    matrix = _orthogonal(momentum.reshape(-1, momentum.shape[-1]))
    matrix *= matrix.dtype.type(_ADAM_SIZE * math.sqrt(max(matrix.shape)))
    return matrix.reshape(momentum.shape)


def _interpolated(start: Floats, end: Floats, share: Any) -> Floats:
    """Return start + share * (end - start), in one new array."""
    result: Floats = end - start
    result *= share
    result += start
    return result


def _orthogonal(matrix: Floats) -> Floats:
    """Return U S V^T with S near 1 for a matrix U D V^T.

    An iteration is X <- X (a + b G + c G^2) with G = X^T X. All of them together multiply X by a polynomial of the first G,
    which is small: only that polynomial is iterated, and the large matrix is read twice.
    """
    if matrix.shape[0] < matrix.shape[1]:
        return _orthogonal(matrix.T).T
    size = float(np.linalg.norm(matrix)) + 1e-7
    gram = (matrix.T @ matrix).astype(np.float64) / size**2
    one = np.eye(len(gram))
    factor = product = _factor(one, gram)
    for _ in range(_ITERATIONS - 1):
        gram = factor @ gram @ factor
        factor = _factor(one, gram)
        product = product @ factor
    result: Floats = matrix @ (product / size).astype(matrix.dtype)
    return result


def _factor(one: Floats, gram: Floats) -> Floats:
    result: Floats = _A * one + gram @ (_B * one + _C * gram)
    return result
