"""Import the scripts in examples/, and digits to run them on."""

import importlib
import sys
from pathlib import Path

import numpy as np

from stn_numba.data import Digits

FOLDER = Path(__file__).parents[2] / "examples"


def load_script(name):
    """Return a script as a module."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


def striped_digits(count):
    """Return `count` digits to train and to test: a bar that points up, and stripes for each class."""
    labels = np.arange(count) % 10
    images = np.zeros((count, 28, 28, 1), np.float32)
    images[:, 3:14, 13:15] = 1
    for label in range(10):
        images[labels == label, 14:24, 4 + 2 * label : 6 + 2 * label] = 1
    return Digits(images, labels, images, labels)
