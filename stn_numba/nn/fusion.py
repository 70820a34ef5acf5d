"""Which neighbours in a chain are done together, instead of layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from stn_numba.nn import convolution_run, dense_run, fourier
from stn_numba.nn.conv2d import Conv2d
from stn_numba.nn.dense import Dense
from stn_numba.nn.layer import Backprop, Floats, Layer, Named
from stn_numba.nn.pooling import AvgPool, MaxPool
from stn_numba.nn.relu import ReLU

__all__ = ["fused", "parts", "runs"]

_CONVOLUTIONS, _CONNECTED = {Conv2d, MaxPool, AvgPool, ReLU}, {Dense, ReLU}


def runs(layers: Iterable[Named]) -> list[list[Named]]:
    """Cut a chain into runs of convolutions or fully connected layers with what may stand between them, and single layers."""
    parts: list[list[Named]] = []
    for named in layers:
        if parts and _belongs(parts[-1], named[1]):
            parts[-1].append(named)
        else:
            parts.append([named])
    return parts


def parts(run: Sequence[Named], x: Floats) -> Iterator[Sequence[Named]]:
    """Cut a run before and after each convolution that this batch takes by Fourier transforms."""
    start, shape = 0, x.shape
    for place, (_, layer) in enumerate(run if x.ndim == 4 else ()):
        if isinstance(layer, Conv2d) and fourier.pays(layer, shape, x.dtype):
            if place > start:
                yield run[start:place]
            yield run[place : place + 1]
            start = place + 1
        shape = (*shape[:1], *convolution_run.out_shape(layer, shape[1:]))
    if start < len(run):
        yield run[start:]


def fused(run: Sequence[Named], x: Floats) -> Callable[[Sequence[Named], Floats], tuple[Floats, Backprop]] | None:
    """Return what does a run for this batch at once, or None if its layers are to be done one by one."""
    kinds = {type(layer) for _, layer in run}
    if Dense in kinds:
        return dense_run.run if dense_run.pays(run, x) else None
    return convolution_run.run if Conv2d in kinds and len(run) > 1 and convolution_run.pays(run, x) else None


def _belongs(run: Sequence[Named], layer: Layer) -> bool:
    kinds = {type(before) for _, before in run} | {type(layer)}
    return kinds <= _CONVOLUTIONS or (kinds <= _CONNECTED and type(run[0][1]) is Dense)
