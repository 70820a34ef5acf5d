"""The last layers of a network that predicts several things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import expect_layer
from stn_numba.nn.layers.parallel import Parallel

__all__ = ["Heads"]


class Heads(Parallel):
    """Feed the features to one layer, or chain of layers, for each thing to predict, and concatenate their outputs.

    It ends the network of a `MultiHead`, which takes the outputs apart again.

    Parameters
    ----------
    **heads : Layer
        The layers by the name of what they predict: each from the features to (N, D).

    Raises
    ------
    TypeError, ValueError
        If there is no head, or one is no layer; in `initialize`, if a head's output has more axes than (N, D).

    Examples
    --------
    >>> from stn_numba.nn import Dense
    >>> heads = Heads(digit=Dense(10), angle=Dense(1))
    >>> heads.initialize((3,), np.random.default_rng(0))
    (11,)
    >>> {name: output.shape for name, output in heads.split(np.zeros((5, 11))).items()}
    {'digit': (5, 10), 'angle': (5, 1)}
    """

    def __init__(self, **heads: Layer) -> None:
        super().__init__(*heads.values())
        self.layers = {name: expect_layer(layer, f"head {name!r}") for name, layer in heads.items()}

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Initialize each head for the features, and return the shape of the joined output."""
        output = super().initialize(input_shape, rng, dtype)
        if len(output) != 1:
            raise ValueError(f"Heads: expected outputs (D,), got {output}: end each head with a Dense layer")
        return output

    @property
    def sizes(self) -> dict[str, int]:
        """How many outputs each head has."""
        return dict(zip(self.layers, np.diff(self._ends, prepend=0).tolist(), strict=True))

    def split(self, outputs: Floats) -> Arrays:
        """Return the joined outputs (N, sum of D) as a dict by head."""
        return dict(zip(self.layers, np.split(outputs, self._ends[:-1], axis=1), strict=True))

    def join(self, outputs: Mapping[str, Floats]) -> Floats:
        """Return outputs, or their gradients, by head as one array (N, sum of D)."""
        return np.concatenate([outputs[name] for name in self.layers], axis=1)

    def config(self) -> dict[str, Any]:
        """Return the classes and options of the layers, and the names of the heads."""
        return {**super().config(), "names": list(self.layers)}

    def __repr__(self) -> str:
        return f"Heads({', '.join(f'{name}={layer!r}' for name, layer in self.layers.items())})"
