"""SciPy, on one thread: `map_coordinates` channel by channel, and `affine_transform` for volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.case import Call
from benchmarks.volumes.problem import VolumeProblem
from benchmarks.warp_problem import WarpProblem

LIBRARY, PACKAGE = "SciPy", "scipy"


def calls(problem: Any) -> list[Call]:
    """It is slow, so it competes on one case only, a single large color image, and on one of volumes."""
    if isinstance(problem, VolumeProblem):
        return _volume_calls(problem)
    if not isinstance(problem, WarpProblem) or not (problem.plain and problem.affine):
        return []
    if len(problem.image) > 1 or problem.n_channels != 3:
        return []
    return [Call("SciPy", _solver(problem), lambda answer: [np.stack(answer).reshape(problem.out_shape)])]


def _solver(problem: WarpProblem) -> Callable[[], list[Any]]:
    """Prepare coordinates in float64, which SciPy reads fastest."""
    half = (np.array(problem.image.shape[2:0:-1]) - 1) / 2
    coordinates = (problem.grid.astype(np.float64) + 1) * half
    rows = [np.ascontiguousarray(each[..., ::-1].transpose(2, 0, 1)) for each in coordinates]
    planes = np.ascontiguousarray(problem.image.transpose(0, 3, 1, 2))
    return lambda: [_warp(*pair) for pair in zip(planes, rows, strict=True)]


def _warp(planes: Any, coordinates: Any) -> Any:
    """Read (C, H, W) at (row, column) positions; "grid-constant" blends with zeros at the edge, as the others do."""
    channels = [ndimage.map_coordinates(plane, coordinates, order=1, mode="grid-constant") for plane in planes]
    return np.stack(channels, axis=-1)


def _volume_calls(problem: VolumeProblem) -> list[Call]:
    """Warp one float volume that is not large by a matrix."""
    plain = not problem.gradients and not problem.dense_grid and problem.transform == "affine"
    if not (plain and problem.is_single and problem.volume.dtype == np.float32 and problem.volume.size < 1 << 22):
        return []
    volume, matrix = np.ascontiguousarray(problem.plane), problem.matrix[::-1][:, [2, 1, 0, 3]]  # its axes are z, y, x

    def solve() -> Any:
        return ndimage.affine_transform(volume, matrix[:, :3], matrix[:, 3], order=1, mode="grid-constant")

    return [Call("SciPy", solve, lambda answer: [answer[None, ..., None]])]
