"""Transforms of every kind that are fitted to points."""

import numpy as np

import stn_numba as stn
from tests.transform.test_base import Swirl
from tests.transform.test_for_image import Turn
from tests.transform.test_inverse import FishEye, Quintic

__all__ = ["KINDS", "Similarity", "theta_of"]


class Similarity(stn.MatrixTransform):
    """Angle, logarithm of the scale, shift."""

    n_params = 4

    def identity(self):
        return np.zeros(4)

    def matrix(self, theta):
        c, s = np.exp(theta[:, 1]) * np.cos(theta[:, 0]), np.exp(theta[:, 1]) * np.sin(theta[:, 0])
        matrix = np.tile(np.eye(3), (len(theta), 1, 1))
        matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1] = c, -s, s, c
        matrix[:, :2, 2] = theta[:, 2:]
        return matrix


class Attention(stn.MatrixTransform):
    """One scale and a shift: linear in its parameters."""

    n_params = 3

    def identity(self):
        return np.array([1.0, 0, 0])

    def matrix(self, theta):
        matrix = np.tile(np.eye(3), (len(theta), 1, 1))
        matrix[:, 0, 0] = matrix[:, 1, 1] = theta[:, 0]
        matrix[:, :2, 2] = theta[:, 1:]
        return matrix


KINDS = {name: stn.get_transform(name) for name in ("affine", "projective", "tps")}
KINDS |= {"fish-eye": FishEye(), "swirl": Swirl(), "cubic": Quintic(), "turn": Turn(), "wide turn": Turn(3.0)}
KINDS |= {"similarity": Similarity(), "attention": Attention()}


def theta_of(transform, rng, rows=3, spread=0.1):
    return transform.identity() + rng.normal(0, spread, (rows, transform.n_params))
