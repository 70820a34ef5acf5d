"""Small images whose class is easy to see."""

import numpy as np
import pytest


@pytest.fixture(scope="package")
def bars():
    """Images (120, 8, 8) of a bright bar that is upright or lies, and labels."""
    rng = np.random.default_rng(0)
    images = 0.1 * rng.random((120, 8, 8))
    labels = np.array(["upright", "level"])[np.arange(120) % 2]
    for image, label, place in zip(images, labels, rng.integers(1, 7, 120), strict=True):
        (image.T if label == "upright" else image)[place] += 0.9
    return images, labels
