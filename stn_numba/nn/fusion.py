"""Which neighbours in a chain are done together, instead of layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from stn_numba.nn import convolution_run, dense_run, fourier
from stn_numba.nn.conv2d import Conv2d
from stn_numba.nn.dense import Dense
from stn_numba.nn.layer import Floats, Layer, Named
from stn_numba.nn.pooling import AvgPool, MaxPool
from stn_numba.nn.relu import ReLU

__all__ = ["Part", "Run", "runs"]

_CONVOLUTIONS, _CONNECTED = {Conv2d, MaxPool, AvgPool, ReLU}, {Dense, ReLU}
_CUTS_KEPT = 16  # shapes of batches; training and inference see one or two


class Part(NamedTuple):
    """Neighbours, and the module whose `run` does them together for batches for which it `pays`, if there is one."""

    layers: Sequence[Named]
    together: ModuleType | None


class Run:
    """Convolutions or fully connected layers with what may stand between them, or a single layer."""

    def __init__(self, first: Named) -> None:
        self.layers = [first]
        self._cuts: dict[tuple[tuple[int, ...], np.dtype[Any]], list[Part]] = {}

    def takes(self, layer: Layer) -> bool:
        """Whether a layer that comes next belongs to the run."""
        kinds = {type(before) for _, before in self.layers} | {type(layer)}
        return kinds <= _CONVOLUTIONS or (kinds <= _CONNECTED and type(self.layers[0][1]) is Dense)

    def parts(self, x: Floats) -> list[Part]:
        """Cut the run before and after each convolution that this batch takes by Fourier transforms."""
        key = x.shape, x.dtype
        try:
            return self._cuts[key]
        except KeyError:
            if len(self._cuts) == _CUTS_KEPT:
                self._cuts.clear()
            cut = self._cuts[key] = [_part(layers) for layers in _cut(self.layers, *key)]
            return cut

    def __getstate__(self) -> dict[str, Any]:
        return {"layers": self.layers, "_cuts": {}}  # modules cannot be pickled


def runs(layers: Iterable[Named]) -> list[Run]:
    """Cut a chain into runs."""
    found: list[Run] = []
    for named in layers:
        if found and found[-1].takes(named[1]):
            found[-1].layers.append(named)
        else:
            found.append(Run(named))
    return found


def _cut(layers: Sequence[Named], shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[Sequence[Named]]:
    pieces, start = [], 0
    for place, (_, layer) in enumerate(layers if len(shape) == 4 else ()):
        if isinstance(layer, Conv2d) and fourier.pays(layer, shape, dtype):
            pieces += [layers[start:place], layers[place : place + 1]]
            start = place + 1
        shape = (*shape[:1], *convolution_run.out_shape(layer, shape[1:]))
    return [piece for piece in (*pieces, layers[start:]) if piece]


def _part(layers: Sequence[Named]) -> Part:
    kinds = {type(layer) for _, layer in layers}
    if Dense in kinds:
        return Part(layers, dense_run)
    return Part(layers, convolution_run if Conv2d in kinds and len(layers) > 1 else None)
