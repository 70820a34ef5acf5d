"""Train, be killed ten times at random moments, resume each time, and compare the weights with those of an uninterrupted run.

Everything is imported once; each attempt is a fork of this process, on one thread.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

import stn_numba as stn
from stn_numba.data import RandomWarp
from stn_numba.nn import (
    Adam,
    AvgPool,
    BatchNorm,
    Chain,
    Classifier,
    Dense,
    Dropout,
    Flatten,
    ReLU,
    SpatialTransformer,
)

KILLS, EPOCHS, BATCHES = 10, 12, 8
RNG = np.random.default_rng(0)
X = RNG.random((8 * BATCHES, 8, 8, 1), np.float32)
Y = RNG.integers(0, 3, len(X))


def train(checkpoint=None, after_step=lambda: None):
    localisation = Chain(AvgPool(2), Flatten(), Dense(6), ReLU())
    network = Chain(SpatialTransformer(localisation), Flatten(), Dense(8), BatchNorm(), ReLU(), Dropout(0.3), Dense(3))
    model, turn = Classifier(network, (8, 8, 1), 3), RandomWarp("affine", 0.1)

    def augment(images, rng):
        after_step()
        return turn(images, rng)

    history = stn.fit(
        model, X, Y, epochs=EPOCHS, batch_size=8, optimizer=Adam(), learning_rate=0.01, augment=augment, progress=False,
        validation=(X[:9], Y[:9]), restore_best="validation_loss", checkpoint=checkpoint, checkpoint_seconds=0, seed=3,
    )  # fmt: skip
    lines = [(epoch.epoch, epoch.loss, epoch.error, epoch.validation_loss) for epoch in history]
    arrays = [*model.network.params.values(), *model.network.state.values()]
    return np.concatenate([array.ravel() for array in arrays]), lines


def attempt(checkpoint, steps, delay):
    """Train in a child, kill it `delay` seconds after it has begun `steps` steps; return whether it was killed."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        train(checkpoint, lambda: os.write(write, b"."))
        os._exit(0)
    os.close(write)
    begun = 0
    while begun < steps and (news := os.read(read, steps - begun)):
        begun += len(news)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.close(read)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(folder, seed):
    checkpoint, rng = folder / "run.checkpoint", np.random.default_rng(seed)
    uninterrupted, uninterrupted_lines = train()
    killed = sum(attempt(checkpoint, rng.integers(1, EPOCHS * BATCHES // KILLS), rng.uniform(0, 0.01)) for _ in range(KILLS))
    assert killed == KILLS, f"only {killed} of {KILLS} children were still training when they were killed"
    weights, lines = train(checkpoint)
    assert np.array_equal(weights, uninterrupted), f"{np.sum(weights != uninterrupted)} of {len(uninterrupted)} weights differ"
    assert lines == uninterrupted_lines, "the histories differ"
    assert os.listdir(folder).count("run.checkpoint") == 1
    again, _ = train(checkpoint)  # a finished run only returns its weights
    assert np.array_equal(again, uninterrupted)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
