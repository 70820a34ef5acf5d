"""Muon: steps whose matrices have all singular values near 1, for convolutions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.optimizers.base import Adam, State

__all__ = ["Muon"]

_STEPS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315
_AS_ADAM = 0.2  # root mean square of a step of Adam


@dataclass(frozen=True)
class Muon:
    """Momentum made orthogonal (Jordan, 2024 [1]_), for the weights of convolutions; all other parameters follow `adam`.

    Weights of convolutions are arrays of more than two axes, as (k, k, C, F), and taken as a matrix (k k C, F). Of its momentum
    only the directions are kept: five Newton-Schulz steps bring all singular values near 1. Steps are scaled to the size of
    Adam's, so that learning rate and weight decay are those of Adam (Liu et al., arXiv 2502.16982, section 2.2).

    Parameters
    ----------
    momentum
        How much of the mean of gradients is kept at each step, in [0, 1); Nesterov's look-ahead is taken.
    adam
        The rule of biases and dense layers.

    Raises
    ------
    TypeError, ValueError
        If an option is of another type or out of its range.

    References
    ----------
    .. [1] K. Jordan, "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io/posts/muon, 2024.

    Examples
    --------
    >>> rule = Muon()
    >>> gradient = np.random.default_rng(0).normal(size=(3, 3, 4, 8))
    >>> directions, _ = rule.update({"w": gradient}, rule.init({"w": np.zeros((3, 3, 4, 8))}))
    >>> values = np.linalg.svd(directions["w"].reshape(36, 8), compute_uv=False) / (0.2 * 36**0.5)
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
        """Return zero momentum, and the state of `adam` for the other parameters."""
        return {
            "momentum": {name: np.zeros_like(array) for name, array in params.items() if _is_convolution(array)},
            "adam": self.adam.init({name: array for name, array in params.items() if not _is_convolution(array)}),
        }

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """Return the orthogonal directions of convolutions, and Adam's of all else."""
        others = {name: gradient for name, gradient in gradients.items() if name not in state["momentum"]}
        directions, adam = self.adam.update(others, state["adam"])
        momentum = {}
        for name, mean in state["momentum"].items():
            gradient, keep = gradients[name], mean.dtype.type(self.momentum)
            momentum[name] = _between(gradient, mean, 1 - keep)
            ahead = _between(momentum[name], gradient, keep)
            matrix = _orthogonal(ahead.reshape(-1, ahead.shape[-1]))
            matrix *= matrix.dtype.type(_AS_ADAM * math.sqrt(max(matrix.shape)))
            directions[name] = matrix.reshape(ahead.shape)
        return directions, {"momentum": momentum, "adam": adam}


def _is_convolution(array: Floats) -> bool:
    return array.ndim > 2


def _between(array: Floats, start: Floats, share: Any) -> Floats:
    """Start + share * (array - start), in one new array."""
    result: Floats = array - start
    result *= share
    result += start
    return result


def _orthogonal(matrix: Floats) -> Floats:
    """U S V^T with S near 1 for a matrix U D V^T.

    A step is X <- X (a + b G + c G^2) with G = X^T X, and all steps together X times a polynomial of the first G: so they are
    taken with G alone, which is small, and the matrix is read twice.
    """
    if matrix.shape[0] < matrix.shape[1]:
        return _orthogonal(matrix.T).T
    size = float(np.linalg.norm(matrix)) + 1e-7
    gram = (matrix.T @ matrix).astype(np.float64) / size**2
    one = np.eye(len(gram))
    step = product = _step(one, gram)
    for _ in range(_STEPS - 1):
        gram = step @ gram @ step
        step = _step(one, gram)
        product = product @ step
    result: Floats = matrix @ (product / size).astype(matrix.dtype)
    return result


def _step(one: Floats, gram: Floats) -> Floats:
    result: Floats = _A * one + gram @ (_B * one + _C * gram)
    return result
