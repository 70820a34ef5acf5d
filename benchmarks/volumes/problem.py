"""The data of a warp of volumes: the same numbers for every library."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import stn_numba as stn
from benchmarks.case import Array

CONTROL_POINTS = (16, 16, 16)


@dataclass(frozen=True, eq=False)
class VolumeProblem:
    """Volumes to warp, and how.

    Attributes
    ----------
    volume
        (N, D, H, W, C).
    theta
        Affine parameters (N, 12), or those of a B-spline.
    transform
        ``"affine"`` or ``"bspline"``.
    kernel
        As `stn_numba.sample` takes it.
    dense_grid
        Whether `grid` is given, instead of `theta`.
    gradients
        Whether to compute the gradients by volume and theta as well.
    """

    volume: Array
    theta: NDArray[np.float32]
    transform: str = "affine"
    kernel: str = "linear"
    dense_grid: bool = False
    gradients: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.volume.shape[1:-1]

    @property
    def plane(self) -> Array:
        """The only volume, (D, H, W)."""
        return self.volume[0, ..., 0]

    @property
    def is_single(self) -> bool:
        """Whether there is one volume of one channel."""
        return len(self.volume) == self.volume.shape[-1] == 1

    @functools.cached_property
    def map(self) -> stn.Transform:
        options = {"control_points": CONTROL_POINTS} if self.transform == "bspline" else {"ndim": 3}
        return stn.get_transform(self.transform, **options)

    @functools.cached_property
    def grid(self) -> NDArray[np.float32]:
        """Normalized positions (N, d, h, w, 3)."""
        return self.map.forward(self.theta.astype(np.float64), self.shape)[0].dense().astype(np.float32)

    @functools.cached_property
    def d_out(self) -> NDArray[np.float32]:
        return np.random.default_rng(1).standard_normal(self.volume.shape, np.float32)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 4) from output to input voxels (x, y, z); computed here, so that an error in the library's would show."""
        half = (np.array(self.shape[::-1]) - 1) / 2
        linear, shift = self.theta[0].reshape(3, 4)[:, :3].astype(np.float64), self.theta[0].reshape(3, 4)[:, 3]
        linear = linear * half[:, None] / half
        return np.concatenate([linear, (half * (1 + shift) - linear @ half)[:, None]], axis=1)

    @property
    def bytes_moved(self) -> int:
        """Bytes of all arrays that must be read or written at least once."""
        grid = self.grid.nbytes if self.dense_grid else 0
        return self.volume.nbytes * (4 if self.gradients else 2) + grid


def make_volume(size: tuple[int, ...], transform: str = "affine", dtype: str = "float32", **options) -> VolumeProblem:
    """Make noise (N, D, H, W, C), turned by some 20 degrees about an oblique axis, scaled and shifted a little."""
    rng = np.random.default_rng(0)
    volume = rng.random(size, np.float32) if dtype == "float32" else rng.integers(0, 256, size, dtype)
    make = _affine if transform == "affine" else _spline
    return VolumeProblem(volume, make(rng, size[0]).astype(np.float32), transform, **options)


def _affine(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    axes = rng.standard_normal((count, 3))
    turns = Rotation.from_rotvec(np.radians(20) * axes / np.linalg.norm(axes, axis=1, keepdims=True)).as_matrix()
    scale = rng.uniform(0.8, 1.2, (count, 1, 1))
    return np.concatenate([scale * turns, rng.uniform(-0.1, 0.1, (count, 3, 1))], axis=2).reshape(count, 12)


def _spline(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return rng.normal(0, 0.03, (count, 3 * int(np.prod(CONTROL_POINTS))))
