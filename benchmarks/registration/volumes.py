"""Pairs of volumes whose true transform is known, for registration: as `benchmarks.registration.problem` for images.

The scene is smoothed noise as a continuous function, its quintic spline, so that neither volume is resampled from the other.
`fixed` gets a gain, a bias and noise. Positions are voxels (x, y, z).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

import stn_numba as stn
from benchmarks.registration.problem import BIAS, GAIN, NOISE, SPLINE_DEGREE, Mapping, Pair, Points, Truth

BLOB = 3.0  # voxels from one number of the noise to the next
WIDTH = 1.2  # of the Gaussian that smooths it, in these numbers
MEAN, DEVIATION = 90.0, 25.0  # of the scene's levels
MARGIN = 0.3  # of the size, around a volume


def affine(seed: int = 0, size: int = 128, photo: None = None) -> Pair:
    """Turn by up to 10 degrees about a random axis; scale by up to 10 % and shift by up to 5 % of the size along each axis."""
    rng, center = np.random.default_rng(seed), (size - 1) / 2
    axis = rng.normal(size=3)
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(5, 10)) * axis / np.linalg.norm(axis)).as_matrix()
    matrix, shift = turn @ np.diag(rng.uniform(0.9, 1.1, 3)), rng.uniform(-0.05, 0.05, 3) * size
    return _pair(seed, size, lambda points: (points - center) @ matrix.T + center + shift)


def bspline(seed: int = 0, size: int = 128, control: int = 8, amplitude: float = 3, photo: None = None) -> Pair:
    """Displace the control points of a lattice by `amplitude` voxels (standard deviation along each axis)."""
    transform, half = stn.get_transform("bspline", control_points=(control,) * 3), (size - 1) / 2
    theta = np.random.default_rng(seed).normal(0, amplitude / half, (1, transform.n_params))
    return _pair(seed, size, lambda points: (np.asarray(transform.apply(theta, points / half - 1))[0] + 1) * half)


def _pair(seed: int, size: int, mapping: Mapping) -> Pair:
    shape, rng, sample = (size,) * 3, np.random.default_rng([seed, 1]), _scene(seed, size)
    truth = Truth(mapping, shape, _shared_points(mapping, size))
    points = np.indices(shape)[::-1].reshape(3, -1).T.astype(np.float64)
    fixed = GAIN * sample(truth(points)) + BIAS + rng.normal(0, NOISE, len(points))
    return Pair(*(volume.reshape(shape).astype(np.float32) for volume in (sample(points), fixed)), truth)


def _scene(seed: int, size: int) -> Mapping:
    """Return the scene as a function of voxels of `moving`."""
    count = int(np.ceil((1 + 2 * MARGIN) * size / BLOB)) + 1
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((count,) * 3), WIDTH, mode="mirror")
    coefficients = ndimage.spline_filter(MEAN + DEVIATION * noise / np.std(noise), SPLINE_DEGREE, mode="mirror")

    def sample(points: Points) -> NDArray[np.float64]:
        positions = (points + MARGIN * size) / BLOB
        return np.asarray(
            ndimage.map_coordinates(coefficients, positions.T[::-1], order=SPLINE_DEGREE, mode="mirror", prefilter=False)
        )

    return sample


def _shared_points(mapping: Mapping, size: int, count: int = 16) -> Points:
    """Return points of a lattice over `fixed` that lie inside `moving` too."""
    points = np.stack(np.meshgrid(*[np.linspace(0, size - 1, count)] * 3), axis=-1).reshape(-1, 3)
    mapped = mapping(points)
    return points[np.all((mapped >= 0) & (mapped <= size - 1), axis=1)]
