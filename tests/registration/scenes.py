"""Scenes that are functions of continuous positions, so that images of them are exact under any map."""

import numpy as np

from stn_numba import base_points

SHAPE = (96, 112)


class Scene:
    """A sum of waves of many lengths and directions; normalized positions (..., 2) to values around 0."""

    def __init__(self, seed=0, count=60, shortest=0.12):
        rng = np.random.default_rng(seed)
        length = np.exp(rng.uniform(np.log(shortest), np.log(1.5), count))
        angle = rng.uniform(0, 2 * np.pi, count)
        self.waves = 2 * np.pi / length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.phase = rng.uniform(0, 2 * np.pi, count)
        self.height = length**0.7 * rng.uniform(0.5, 1, count)

    def __call__(self, points):
        return np.cos(points @ self.waves.T + self.phase) @ self.height


def pair(transform, theta, shape=SHAPE, seed=0, gain=1.0, bias=0.0, noise=0.0, fixed_shape=None):
    """(moving, fixed): the scene, and the scene as the transform reads it with theta (P,)."""
    scene, rng = Scene(seed), np.random.default_rng(seed)
    fixed_shape = fixed_shape or shape
    moving = scene(base_points(shape)).reshape(shape)
    fixed = scene(np.asarray(transform.apply(np.asarray(theta)[None], base_points(fixed_shape)))[0]).reshape(fixed_shape)
    return moving + rng.normal(0, noise, shape), gain * fixed + bias + rng.normal(0, noise, fixed_shape)


def corner_error(result, transform, theta):
    """Largest distance in pixels of `moving` between the corners of `fixed` as the result and as the truth map them."""
    corners = base_points((2, 2))
    found = result.apply(corners)[0]
    true = np.asarray(transform.apply(np.asarray(theta)[None], corners))[0]
    scale = (np.array(result.moving_shape[::-1]) - 1) / 2
    return float(np.linalg.norm((found - true) * scale, axis=1).max())
