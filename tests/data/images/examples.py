"""Small folders of images."""

from __future__ import annotations

import numpy as np


def write(path, image):
    """Write an array as an image; the folder is made."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_folder(root, counts, size=(12, 10), channels=1, seed=0):
    """Write random images: `counts` = {class: number}; the mean gray of a class grows with its number."""
    rng = np.random.default_rng(seed)
    for place, (name, count) in enumerate(counts.items()):
        for number in range(count):
            noise = rng.integers(0, 40, (*size, channels), np.uint8)
            image = noise + np.uint8(200 * place // max(1, len(counts) - 1))
            write(root / name / f"{number:03}.png", image[..., 0] if channels == 1 else image)
    return root
