"""A small network, its data, and a training run that can be stopped."""

from __future__ import annotations

import numpy as np

import stn_numba as stn
from stn_numba.data import RandomWarp
from stn_numba.models import st_fcn

RNG = np.random.default_rng(0)


X = RNG.random((40, 12, 12, 1), np.float32)


Y = RNG.integers(0, 2, 40)


TURN = RandomWarp("affine", 0.1)


class CrashError(Exception):
    """Stands for a crash of the program."""


def small():
    return st_fcn((12, 12, 1), 2, units=8, localisation_units=4)


def weights(model):
    return np.concatenate([array.ravel() for array in model.params.values()])


def train(model, **options):
    return stn.fit(model, X, Y, **{"epochs": 4, "batch_size": 16, "augment": TURN, "progress": False, **options})
