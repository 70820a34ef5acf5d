"""Run a network on the parts of a batch, in parallel."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.engine.thread_pool import batch_parts, parallel_map, split
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import needs_whole_batch
from stn_numba.nn.layers.theta_penalty import ThetaPenalty, penalizing
from stn_numba.nn.model.gradient_sums import sum_of

__all__ = ["Part", "PartRunner", "forward_in_parts", "forward_part", "forward_with_penalty", "run_here"]


@dataclass(frozen=True)
class Part:
    """A part of a batch, with what its pass through the network needs."""

    images: Floats
    seed: int | None  # of its dropout; None for prediction
    share: float  # of the images of the batch


Backward = Callable[[Sequence[Floats], bool], tuple[list[Floats | None], Arrays]]
"""``backward(slopes, input_gradient) -> (d_inputs, gradients)``, with slopes and d_inputs part by part."""


class PartRunner(Protocol):
    """Computes the parts of a batch: on threads of this process (`run_here`), or anywhere else with the same bits."""

    def __call__(
        self, layer: Layer, parts: Sequence[Part], theta_penalty: ThetaPenalty | None
    ) -> tuple[list[Floats], list[float], Backward]:
        """Return the outputs and the penalties of the parts, and their backward.

        The gradients must be those of the parts as `gradient_sums.sum_of` adds them.
        """


def forward_in_parts(layer: Layer, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
    """Return what ``layer.forward(x, rng)`` returns, with the parts of the batch computed on several threads.

    The cut depends on the size of the batch alone, so the number of threads changes no bit. Layers that look at the whole
    batch, as `BatchNorm`, get it whole in training.

    Parameters
    ----------
    layer : Layer
        A network, or a part of one, whose layers have parameters.
    x : (N, ...) array of float
        Its input, of the dtype of its parameters.
    rng : Generator, default None
        A generator means training, in which dropout is active.

    Returns
    -------
    y : (N, ...) array
        The output.
    backprop : function
        ``backprop(dy, *, input_gradient=True) -> (dx, gradients)``, as that of a layer.

    Examples
    --------
    >>> from stn_numba.nn import Dense
    >>> layer = Dense(2)
    >>> layer.initialize((3,), np.random.default_rng(0))
    (2,)
    >>> y, backprop = forward_in_parts(layer, np.ones((100, 3), np.float32))
    >>> dx, gradients = backprop(np.ones_like(y))
    >>> dx.shape, gradients["weight"].shape
    ((100, 3), (3, 2))
    """
    y, backprop, _ = forward_with_penalty(layer, x, rng, None)
    return y, backprop


def forward_with_penalty(
    layer: Layer,
    x: Floats,
    rng: np.random.Generator | None,
    theta_penalty: ThetaPenalty | None,
    *,
    pieces: int | None = None,
    run: PartRunner | None = None,
) -> tuple[Floats, Backprop, float]:
    """Return (y, backprop, penalty): `forward_in_parts` with a penalty of theta, whose gradient `backprop` adds.

    The batch is cut into `pieces` parts, None for as many as `batch_parts` says. `run` computes them, None for `run_here`.
    """
    whole = rng is not None and needs_whole_batch(layer)
    cut = split(len(x), 1) if whole else batch_parts(len(x)) if pieces is None else split(len(x), pieces)
    seeds = [None] * len(cut) if rng is None else rng.integers(1 << 63, size=len(cut)).tolist()
    parts = [Part(x[rows], seed, len(x[rows]) / max(len(x), 1)) for rows, seed in zip(cut, seeds, strict=True)]
    outputs, penalties, backward = (run or run_here)(layer, parts, theta_penalty)

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        d_inputs, gradients = backward([dy[rows] for rows in cut], input_gradient)
        # a layer may return the gradient by its input though nobody asked for it
        wanted = [each for each in d_inputs if each is not None] if input_gradient else []
        return np.concatenate(wanted) if wanted else None, gradients

    y = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
    return y, backprop, sum(penalties)


def run_here(
    layer: Layer, parts: Sequence[Part], theta_penalty: ThetaPenalty | None
) -> tuple[list[Floats], list[float], Backward]:
    """Compute the parts on threads of this process; see `PartRunner`."""
    results = parallel_map(lambda part: forward_part(layer, part, theta_penalty), parts)

    def backward(slopes: Sequence[Floats], input_gradient: bool) -> tuple[list[Floats | None], Arrays]:
        def backward_part(number: int) -> tuple[Floats | None, Arrays]:
            result: tuple[Floats | None, Arrays] = results[number][2](slopes[number], input_gradient=input_gradient)
            return result

        d_inputs, gradients = zip(*parallel_map(backward_part, range(len(parts))), strict=True)
        return list(d_inputs), sum_of((0, len(parts)), {(k, k + 1): each for k, each in enumerate(gradients)})

    return [y for y, _, _ in results], [penalty for _, penalty, _ in results], backward


def forward_part(layer: Layer, part: Part, theta_penalty: ThetaPenalty | None) -> tuple[Floats, float, Backprop]:
    """Return (y, penalty, backprop) of one part of a batch."""
    noise = None if part.seed is None else np.random.default_rng(part.seed)
    context: Any = contextlib.nullcontext() if theta_penalty is None else penalizing(theta_penalty, part.share)
    with context as penalty:
        y, backprop = layer.forward(part.images, noise)
    return y, 0.0 if penalty is None else penalty.value, backprop
