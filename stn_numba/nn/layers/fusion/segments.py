"""Cut a chain into segments of layers that may be computed together, and keep the plans of how."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from stn_numba.nn.arrays import Floats, Size
from stn_numba.nn.layers.base import Layer, Named
from stn_numba.nn.layers.fusion.planning import Plan, PlannedOp, belongs, make_plan

__all__ = ["FusedSegment", "PlannedOp", "segments_of"]

_MAX_PLANS = 16  # shapes of batches; training and inference see one or two


class FusedSegment:
    """Convolutions or fully connected layers with the pooling and ReLUs between them, or one layer of any kind.

    How to compute a batch is planned once for each shape. In-place updates of parameters are seen; a new array in the place of
    another one causes a new plan.
    """

    def __init__(self, first: Named) -> None:
        self.layers = [first]
        self._plans: dict[tuple[Size, np.dtype[Any]], Plan] = {}

    def accepts(self, layer: Layer) -> bool:
        """Whether a layer that comes next belongs to the segment."""
        return belongs(layer, self.layers)

    def ops(self, x: Floats) -> list[PlannedOp]:
        """Return what to compute for a batch."""
        key = x.shape, x.dtype
        plan = self._plans.get(key)
        if plan is None or not _is_current(plan):
            if plan is not None or len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[key] = make_plan(self.layers, *key)
        return plan[0]


def _is_current(plan: Plan) -> bool:
    """Whether layers still have the very same arrays; their options never change."""
    return all(layer.params.get(key) is array for layer, arrays in plan[1] for key, array in arrays.items())


def segments_of(layers: Iterable[Named]) -> list[FusedSegment]:
    """Cut a chain into segments."""
    found: list[FusedSegment] = []
    for named in layers:
        if found and found[-1].accepts(named[1]):
            found[-1].layers.append(named)
        else:
            found.append(FusedSegment(named))
    return found
