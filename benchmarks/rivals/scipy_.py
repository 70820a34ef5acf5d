"""SciPy: map_coordinates, channel by channel; it has no batches, no channels and one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.contestant import Contestant
from benchmarks.problem import Problem


def contestants(problem: Problem) -> list[Contestant]:
    return [Contestant("SciPy", _solver(problem), lambda answer: [np.stack(answer).reshape(problem.out_shape)])]


def _solver(problem: Problem) -> Callable[[], list[Any]]:
    """Coordinates are made ready before, in float64, which it takes fastest."""
    half = (np.array(problem.image.shape[2:0:-1]) - 1) / 2
    coordinates = (problem.positions.astype(np.float64) + 1) * half
    rows = [np.ascontiguousarray(each[..., ::-1].transpose(2, 0, 1)) for each in coordinates]
    planes = np.ascontiguousarray(problem.image.transpose(0, 3, 1, 2))
    return lambda: [_warp(*pair) for pair in zip(planes, rows, strict=True)]


def _warp(planes: Any, coordinates: Any) -> Any:
    """(C, H, W) read at (row, column) positions; "grid-constant" blends with zeros at the edge, as all others do."""
    channels = [ndimage.map_coordinates(plane, coordinates, order=1, mode="grid-constant") for plane in planes]
    return np.stack(channels, axis=-1)
