"""Run a network on the parts of a batch, in parallel."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.engine.thread_pool import batch_parts, parallel_map, summed
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import needs_whole_batch
from stn_numba.nn.layers.theta_penalty import ThetaPenalty, penalizing

__all__ = ["forward_in_parts", "forward_with_penalty"]


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
    layer: Layer, x: Floats, rng: np.random.Generator | None, theta_penalty: ThetaPenalty | None
) -> tuple[Floats, Backprop, float]:
    """Return (y, backprop, penalty): `forward_in_parts` with a penalty of theta, whose gradient `backprop` adds."""
    whole = rng is not None and needs_whole_batch(layer)
    parts = [slice(0, len(x))] if whole else batch_parts(len(x))
    seeds = None if rng is None else rng.integers(1 << 63, size=len(parts))

    def forward_part(number: int) -> tuple[Floats, Backprop, float]:
        part, noise = x[parts[number]], None if seeds is None else np.random.default_rng(seeds[number])
        share = len(part) / max(len(x), 1)
        context: Any = contextlib.nullcontext() if theta_penalty is None else penalizing(theta_penalty, share)
        with context as penalty:
            y, backprop = layer.forward(part, noise)
        return y, backprop, 0.0 if penalty is None else penalty.value

    outputs, backprops, penalties = zip(*parallel_map(forward_part, range(len(parts))), strict=True)

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        def backward_part(number: int) -> tuple[Floats | None, Arrays]:
            result: tuple[Floats | None, Arrays] = backprops[number](dy[parts[number]], input_gradient=input_gradient)
            return result

        d_inputs, gradients = zip(*parallel_map(backward_part, range(len(parts))), strict=True)
        # a layer may return the gradient by its input though nobody asked for it
        dx = np.concatenate(d_inputs) if input_gradient and d_inputs[0] is not None else None
        _expect_same_names(gradients)
        return dx, summed(gradients)

    y = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
    return y, backprop, sum(penalties)


def _expect_same_names(gradients: tuple[Arrays, ...]) -> None:
    """Reject gradients of other parameters, or of other shapes, in one part of the batch than in another."""
    shapes = [{name: np.shape(array) for name, array in part.items()} for part in gradients]
    for part in shapes[1:]:
        for name in {**shapes[0], **part}:
            if part.get(name) != shapes[0].get(name):
                raise ValueError(f"gradient of {name!r}: expected {shapes[0].get(name)}, got {part.get(name)}")
