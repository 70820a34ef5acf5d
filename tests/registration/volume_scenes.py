"""Scenes that are functions of continuous positions (x, y, z), so that volumes of them are exact under any map."""

import numpy as np

import stn_numba as stn
from stn_numba import base_points


class FishEye(stn.Transform):
    """A transform without derivatives of its own."""

    n_params, ndim = 1, 3

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        return points + theta[:, None] * points * np.sum(points**2, axis=-1, keepdims=True)


class VolumeScene:
    """A sum of waves of many lengths and directions; normalized positions (..., 3) to values around 0."""

    def __init__(self, seed=0, count=50, shortest=0.25):
        rng = np.random.default_rng(seed)
        length, direction = np.exp(rng.uniform(np.log(shortest), np.log(1.5), count)), rng.normal(size=(count, 3))
        self.waves = 2 * np.pi * direction / (length * np.linalg.norm(direction, axis=1))[:, None]
        self.phase = rng.uniform(0, 2 * np.pi, count)
        self.height = length**0.7 * rng.uniform(0.5, 1, count)

    def __call__(self, points):
        return np.cos(points @ self.waves.T + self.phase) @ self.height


def volume_pair(transform, theta, shape=(28, 30, 32), seed=0, gain=1.0, bias=0.0, noise=0.0, fixed_shape=None, shortest=0.3):
    """(moving, fixed): the scene, and the scene as the transform reads it with theta (P,)."""
    scene, rng = VolumeScene(seed, shortest=shortest), np.random.default_rng(seed)
    fixed_shape = fixed_shape or shape
    moving = scene(base_points(shape)).reshape(shape)
    fixed = scene(np.asarray(transform.apply(np.asarray(theta)[None], base_points(fixed_shape)))[0]).reshape(fixed_shape)
    return moving + rng.normal(0, noise, shape), gain * fixed + bias + rng.normal(0, noise, fixed_shape)


def mean_error(result, transform, theta, reach=0.9):
    """Mean distance in voxels of `moving` between points as the result and as the truth map them, where both are seen."""
    points = base_points((9, 9, 9)) * reach
    true = np.asarray(transform.apply(np.asarray(theta)[None], points))[0]
    seen = (np.abs(true) <= reach).all(axis=1)
    distance = (result.apply(points)[0] - true) * (np.array(result.moving_shape[::-1]) - 1) / 2
    return float(np.linalg.norm(distance[seen], axis=1).mean())
