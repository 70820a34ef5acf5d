"""A fixed scale and offset for pixels."""

from __future__ import annotations

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import Container

__all__ = ["Rescale", "starts_with_rescale"]


class Rescale(Layer):
    """y = scale * x + offset, with two numbers that are not trained.

    Put it first in a network that reads 8-bit images, so that the scale of its input is saved with the model: ``Rescale(1 /
    255)`` maps 0 to 255 to 0 to 1, ``Rescale(2 / 255, -1)`` to -1 to 1.

    Parameters
    ----------
    scale : float
        Not 0.
    offset : float, default 0.0
        Added afterwards.

    Raises
    ------
    TypeError, ValueError
        If an option is no finite number, or the scale is 0.

    Examples
    --------
    >>> Rescale(1 / 4, -1).forward(np.array([[0.0, 4.0]]))[0].tolist()
    [[-1.0, 0.0]]
    """

    fixed_options = ("scale", "offset")

    def __init__(self, scale: float, offset: float = 0.0) -> None:
        super().__init__()
        self.scale, self.offset = as_real(scale, "scale"), as_real(offset, "offset")
        if self.scale == 0:
            raise ValueError("scale: expected a number other than 0, got 0")

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop)."""
        scale = x.dtype.type(self.scale)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            return dy * scale if input_gradient else None, {}

        y: Floats = x * scale
        if self.offset:
            y += x.dtype.type(self.offset)
        return y, backprop


def starts_with_rescale(network: Container) -> bool:
    """Whether the first layer of a network scales its input."""
    return isinstance(next(iter(network.layers.values()), None), Rescale)
