"""Models that measure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Size
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.losses.base import Loss
from stn_numba.nn.losses.function import LossFunction
from stn_numba.nn.model.base import Model

__all__ = ["Regressor"]


class Regressor(Model):
    """A chain of layers that measures something in images: an angle, positions, another image.

    Parameters
    ----------
    network : Chain
        From images (N, H, W, C) to measurements (N, ...); see `Model`. Scale the targets to about -1 to 1: training starts from
        outputs of that size.
    input_shape : (int, int, int) or (int, int, int, int)
        (H, W, C) of images, (D, H, W, C) of volumes.
    loss : str, Loss or function, default "mean_squared_error"
        See `fit`; ``"huber"`` counts outliers less.
    seed : int, default 0
        Seed of the initial parameters.
    dtype : dtype, default float32
        float32, or float64 for gradient checks.

    Raises
    ------
    TypeError, ValueError
        As for `Model`.

    Examples
    --------
    >>> from stn_numba.nn import Dense, Flatten, fit
    >>> model = Regressor(Chain(Flatten(), Dense(1)), (4, 4, 1))
    >>> X = np.random.default_rng(0).random((64, 4, 4), np.float32)
    >>> history = fit(model, X, X.mean(axis=(1, 2)), epochs=2, progress=False)
    >>> model.predict(X).shape
    (64, 1)
    """

    def __init__(
        self,
        network: Chain,
        input_shape: Size,
        *,
        loss: str | Loss | LossFunction = "mean_squared_error",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(network, input_shape, loss=loss, seed=seed, dtype=dtype)

    def config(self) -> dict[str, Any]:
        """Return the architecture and the loss, as JSON can hold them; a ValueError if the loss cannot be saved."""
        return {**super().config(), "model": "Regressor"}
