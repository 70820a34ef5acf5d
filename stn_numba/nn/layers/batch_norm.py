"""Batch normalization."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Backprop, Floats, Size
from stn_numba.nn.engine.batch_norm import Moments, batch_moments, normalize
from stn_numba.nn.layers.base import Layer, filled

__all__ = ["BatchNorm"]


class BatchNorm(Layer):
    """Batch normalization: give each channel mean 0 and variance 1, then a learned scale and shift.

    Maps x (N, D) or (N, H, W, C) to ``scale * (x - mean) / sqrt(variance + epsilon) + shift`` of the same shape. In training,
    mean and variance are those of the batch (over all axes but the last), and running ones are kept for prediction (Ioffe and
    Szegedy, arXiv 1502.03167, algorithms 1 and 2). A network with such a layer is trained on each batch as a whole.

    The parameters are ``scale`` and ``shift``, (C,), which start from 1 and 0. The state is ``mean`` and ``variance``, (C,),
    from 0 and 1. The running variance is the unbiased one, as in PyTorch.

    Parameters
    ----------
    momentum : float, default 0.9
        Share of the running values that a training step keeps, in [0, 1): ``mean = momentum * mean + (1 - momentum) *
        batch_mean``. PyTorch calls 1 - momentum so.
    epsilon : float, default 1e-5
        Added to variances, larger than 0.

    Raises
    ------
    TypeError, ValueError
        If an option is no number, or out of its range. In training, a ValueError if a batch has fewer than two values for each
        channel, since they have no variance.

    Examples
    --------
    >>> layer = BatchNorm()
    >>> layer.initialize((1,), np.random.default_rng(0), np.float64)
    (1,)
    >>> x = np.array([[1.0], [3.0]])
    >>> layer.forward(x, np.random.default_rng(0))[0].round(3).tolist()   # training: a generator
    [[-1.0], [1.0]]
    >>> layer.state["mean"].round(3).tolist(), layer.state["variance"].round(3).tolist()
    ([0.2], [1.1])
    """

    fixed_options = ("momentum", "epsilon")
    whole_batch = True

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum = as_real(momentum, "momentum", "[0, 1)")
        self.epsilon = as_real(epsilon, "epsilon", "(0, inf)")

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Start from scale 1 and shift 0 for inputs (..., C), and return their shape."""
        if not input_shape or min(input_shape) < 1:
            raise ValueError(f"BatchNorm: expected an input of shape (D,) or (H, W, C), got {input_shape}")
        one, zero = ((rng, input_shape[-1], value, dtype) for value in (1.0, 0.0))
        self.params = {"scale": filled(*one), "shift": filled(*zero)}
        self.state = {"mean": filled(*zero), "variance": filled(*one)}
        return input_shape

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y of the shape of x."""
        return self._forward(x, rng, relu=False)

    def forward_relu(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return what `forward` does with a ReLU after it, in one go."""
        return self._forward(x, rng, relu=True)

    def _forward(self, x: Floats, rng: np.random.Generator | None, relu: bool) -> tuple[Floats, Backprop]:
        scale, shift = self.params["scale"], self.params["shift"]
        x = self._expect(x, len(scale))
        if rng is None:
            mean, variance = (self.state[name].astype(np.float64) for name in ("mean", "variance"))
            moments = Moments(mean, variance, None)
        else:
            moments = self._moments_of(x)
        return normalize(self, x, moments, self.epsilon, scale, shift, relu)

    def _expect(self, x: Any, channels: int) -> Floats:
        """Return an input as kernels read it."""
        if not isinstance(x, np.ndarray) or x.ndim < 2 or x.shape[-1] != channels or x.dtype.kind != "f":
            got = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
            raise ValueError(f"BatchNorm: expected floats (N, {channels}) or (N, H, W, {channels}), got {got}")
        return np.ascontiguousarray(x, x.dtype if x.dtype in (np.float32, np.float64) else np.float32)

    def _moments_of(self, x: Floats) -> Moments:
        """Return the moments of a batch, and let the running ones follow; values that are not finite do not touch these."""
        count = x.size // x.shape[-1]
        if count < 2:
            raise ValueError(
                f"BatchNorm: expected at least two values for each channel of a batch in training, got {count} (x has shape "
                f"{x.shape}): train on larger batches"
            )
        moments = batch_moments(x)
        unbiased = moments.variance * (count / (count - 1))
        if np.isfinite(moments.mean).all() and np.isfinite(unbiased).all():
            for name, value in (("mean", moments.mean), ("variance", unbiased)):
                running = self.state[name]
                running[...] = self.momentum * running + (1 - self.momentum) * value
        return moments
