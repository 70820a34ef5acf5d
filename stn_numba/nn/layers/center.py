"""Images without their mean brightness."""

from __future__ import annotations

import numpy as np

from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.layers.base import Layer

__all__ = ["Center"]


class Center(Layer):
    """Subtract from each image the mean of all its pixels and channels.

    Put it before the first convolution or dense layer. Where all inputs of a layer are positive, its weights grow and shrink
    together: at a high learning rate all units of a ReLU may then become 0 for good (LeCun et al., "Efficient BackProp",
    1998, section 4.3).

    Examples
    --------
    >>> Center().forward(np.array([[1.0, 2.0, 6.0]]))[0].tolist()
    [[-2.0, -1.0, 3.0]]
    """

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop)."""

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            return _centered(dy) if input_gradient else None, {}  # the projection is its own transpose

        return _centered(x), backprop


def _centered(x: Floats) -> Floats:
    rows = x.reshape(len(x), -1) if x.size else x
    result: Floats = (rows - rows.mean(axis=-1, keepdims=True)).reshape(x.shape)
    return result
