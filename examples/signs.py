"""Recognize traffic signs: train a spatial transformer network on a folder of images, one subfolder a class.

    python examples/signs.py                 # draws 10,000 images in runs/signs, trains for some minutes
    python examples/signs.py --images 2000 --epochs 5

The images are drawn by `sign_drawing.py`: 43 classes of very different size, in color, 20 to 80 pixels wide. With a folder of
your own, only `train_signs` matters: give it the path.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sign_drawing import draw_signs

import stn_numba as stn
from stn_numba import nn

SIZE = (48, 48)


def network(classes: Sequence[str], seed: int = 0) -> nn.Classifier:
    """Return a transformer, which looks at the whole image and cuts out the sign, and a convolutional network after it."""
    look = nn.Chain(
        nn.AvgPool(2), nn.Conv2d(16, 5), nn.MaxPool(2), nn.ReLU(), nn.Conv2d(16, 5), nn.ReLU(),
        nn.Flatten(), nn.Dense(32), nn.ReLU(),
    )  # fmt: skip
    layers = nn.Chain(
        nn.Rescale(1 / 255),  # part of the model: it takes pixels from 0 to 255, also after it is loaded
        nn.SpatialTransformer(look, "affine", (32, 32)),
        nn.Conv2d(32, 5), nn.MaxPool(2), nn.ReLU(),
        nn.Conv2d(64, 5), nn.MaxPool(2), nn.ReLU(),
        nn.Flatten(), nn.Dense(128), nn.ReLU(), nn.Dropout(0.3), nn.Dense(len(classes)),
    )  # fmt: skip
    return nn.Classifier(layers, (*SIZE, 3), len(classes), seed=seed, classes=classes)


def train_signs(data: Path, out: Path, epochs: int, *, progress: bool = True) -> float:
    """Train on a folder, write the model and the misread images to `out`, and return the error on held-out images."""
    images = stn.data.folder(data, size=SIZE, channels=3, cache="memory")
    training, held_out = images.split(validation=0.2)
    fewest, most = min(images.counts.values()), max(images.counts.values())
    print(f"{images}\n{fewest} to {most} images a class; {training.n_images:,} to train, {held_out.n_images:,} held out")
    model = network(images.classes)
    X, y = held_out.arrays()
    stn.fit(
        model, training, epochs=epochs, learning_rate=2e-3, learning_rate_multipliers={"localisation": 0.3},
        augment=stn.data.RandomWarp("affine", spread=0.05, padding="border"), validation=(X, y), progress=progress,
        class_weight="balanced",
    )  # fmt: skip
    stn.save(model, out / "signs.safetensors")
    probabilities = model.predict_proba(X)
    predicted = probabilities.argmax(axis=1)
    print(stn.data.confusion_report(stn.data.confusion_matrix(y, predicted, images.n_classes), images.classes))
    axes = stn.plot.misread_figure(X, y, probabilities, images.classes)
    axes[0, 0].figure.savefig(out / "misread.png")
    return float(np.mean(predicted != y))


def main() -> None:
    """Read the options, draw the images unless they are there, and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of images; without it, signs are drawn")
    parser.add_argument("--images", type=int, default=10_000, help="how many to draw (default: 10000)")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("runs/signs"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = options.data
    if data is None:
        data = options.out / f"images-{options.images}"
        if not data.exists():
            draw_signs(data, options.images)
    start = time.perf_counter()
    error = train_signs(data, options.out, options.epochs)
    minutes, count = (time.perf_counter() - start) / 60, len(list(data.rglob("*.png")))
    (options.out / "result.json").write_text(json.dumps({"error": error, "images": count, "minutes": minutes}))
    print(f"error on held-out images {error:.2%}")


if __name__ == "__main__":
    main()
