"""A small network with dropout and distortions, whose layers can be told to be slow, to fail, or to kill their process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

import stn_numba as stn
from stn_numba.data import RandomWarp
from stn_numba.nn import Chain, Classifier, Conv2d, Dense, Dropout, Flatten, Layer, ReLU, SpatialTransformer

RNG = np.random.default_rng(0)
X, Y = RNG.random((66, 12, 12, 1), np.float32), RNG.integers(0, 2, 66)
TURN = RandomWarp("affine", 0.1)
STEPS = 3  # an epoch


class Watched(Layer):
    """Passes its input on; on workers it does what files in a folder ask for."""

    def __init__(self, folder: str = "") -> None:
        super().__init__()
        self.folder = folder

    def forward(self, x, rng=None):
        self._obey("forward")

        def backprop(dy, *, input_gradient=True):
            self._obey("backward")
            return dy, {}

        return x, backprop

    def _obey(self, where: str) -> None:
        if not self.folder:
            return
        folder, own = Path(self.folder), str(os.getpid())
        if not (folder / "driver").exists() or (folder / "driver").read_text() == own:
            return
        (folder / f"seen {own}").touch()
        for path in folder.glob(f"die in {where}"):
            path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if (folder / f"fail in {where}").exists():
            raise ValueError(f"asked to fail in {where}")
        if (folder / f"slow {own}").exists():
            time.sleep(0.1)


def small(folder="") -> Classifier:
    look = Chain(Flatten(), Dense(6), ReLU())
    layers = SpatialTransformer(look), Watched(str(folder)), Conv2d(4, 3), ReLU(), Flatten(), Dropout(0.3), Dense(2)
    return Classifier(Chain(*layers), (12, 12, 1), 2)


def watched(folder) -> Classifier:
    """The same network, which obeys files in a folder."""
    (folder / "driver").write_text(str(os.getpid()))
    return small(folder)


def weights(model) -> np.ndarray:
    return np.concatenate([array.ravel() for array in model.params.values()])


def train(model, **options):
    defaults = {"epochs": 2, "batch_size": 22, "parts": 4, "augment": TURN, "clip_norm": 1.0, "progress": False}
    return stn.fit(model, X, Y, **{**defaults, **options})


def trained(**options):
    """Weights and history of the network trained on this machine alone."""
    model = small()
    history = train(model, **options)
    return weights(model), history.column("loss")


class AtStep:
    """Distorts images as usual, and calls a function before a step, counted from 1."""

    def __init__(self, step, function) -> None:
        self.step, self.function, self.count = step, function, 0

    def __call__(self, images, rng):
        self.count += 1
        if self.count == self.step:
            self.function()
        return TURN(images, rng)
