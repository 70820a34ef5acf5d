"""Train on a mapped file in less memory than the file takes, and show that a copy of it would not fit."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

import stn_numba as stn
from stn_numba.nn import AvgPool, Chain, Classifier, Dense, Flatten

IMAGES, SIDE, ROOM = 3000, 512, 250 << 20


def used():
    """Private writable memory in bytes, which RLIMIT_DATA limits; a mapped file does not count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData"))


def main(path):
    X = np.lib.format.open_memmap(path, "w+", np.uint8, (IMAGES, SIDE, SIDE, 1))  # a sparse file: it takes no space on the disk
    X[0] = 255
    X = np.load(path, mmap_mode="r")
    y = np.arange(IMAGES) % 2
    model = Classifier(Chain(AvgPool(32), Flatten(), Dense(2)), (SIDE, SIDE, 1), 2)
    options = {"epochs": 1, "batch_size": 16, "augment": lambda images, rng: images / 255, "progress": False}
    stn.fit(model, X[:64], y[:64], **options)  # compiled, and threads started
    resource.setrlimit(resource.RLIMIT_DATA, (used() + ROOM,) * 2)
    try:
        np.array(X)
    except MemoryError:
        pass
    else:
        raise AssertionError(f"the limit has no effect: {X.nbytes:,} bytes were copied")
    history = stn.fit(model, X, y, **options)
    assert np.isfinite(history[-1].loss)


if __name__ == "__main__":
    main(sys.argv[1])
