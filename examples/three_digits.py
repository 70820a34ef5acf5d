"""Read numbers of three digits: three heads, each with a spatial transformer that finds its own digit.

    python examples/three_digits.py                     # the digits of the extra `demo`
    python examples/three_digits.py --data mnist        # a folder with the files of MNIST

The digits have random sizes, stand at random places, and touch or overlap at times. Nobody tells the network where they are: it
learns from the numbers alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import stn_numba as stn
from stn_numba import nn

CANVAS = (40, 100)
HEADS = ("hundreds", "tens", "ones")


def draw_numbers(digits: Any, labels: Any, count: int, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    """Return images (count, 40, 100, 1) of three random digits each, and their labels by head."""
    chosen = rng.integers(len(digits), size=(3, count))
    height, width = CANVAS
    scale = rng.uniform(0.7, 1.1, (3, count))
    steps = rng.uniform(16, 26, (3, count))
    x = np.cumsum(steps, axis=0) - steps.sum(axis=0) / 2 + rng.uniform(-12, 12, count) - 10
    y = rng.uniform(-5, 5, (3, count))
    numbers = np.zeros((count, height, width, 1), np.float32)
    for place in range(3):
        # from pixels of the canvas, seen from its center, to pixels of the digit, then in the units of theta
        inverse = 1 / scale[place]
        theta = np.zeros((count, 6))
        theta[:, 0], theta[:, 4] = inverse * (width - 1) / 27, inverse * (height - 1) / 27
        theta[:, 2], theta[:, 5] = -x[place] * inverse * 2 / 27, -y[place] * inverse * 2 / 27
        np.maximum(numbers, stn.warp(digits[chosen[place]], theta, shape=CANVAS), out=numbers)
    return numbers, {head: labels[chosen[place]] for place, head in enumerate(HEADS)}


class Numbers:
    """An endless supply of numbers, as a stream for `fit`."""

    def __init__(self, digits: Any, labels: Any, batches: int, batch_size: int = 128) -> None:
        self.digits, self.labels, self.batches, self.batch_size = digits, labels, batches, batch_size

    def __len__(self) -> int:
        return self.batches

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield images and their labels by head."""
        for _ in range(self.batches):
            yield draw_numbers(self.digits, self.labels, self.batch_size, rng)


def network(seed: int = 0) -> nn.MultiHead:
    """Return features that all heads share, and three heads, each of which cuts out a part of them and reads it."""

    def head(place: int) -> nn.Chain:
        look = nn.Chain(nn.AvgPool(2), nn.Flatten(), nn.Dense(64), nn.ReLU())
        third = [0.35, 0, 0.5 * (place - 1), 0, 0.8, 0]  # to start from: a third of the width, nearly the whole height
        transformer = nn.SpatialTransformer(look, "affine", (14, 14), initial=third)
        return nn.Chain(
            transformer, nn.Conv2d(32, 5), nn.MaxPool(2), nn.ReLU(), nn.Flatten(), nn.Dense(128), nn.ReLU(), nn.Dense(10)
        )

    features = (nn.Conv2d(16, 5, padding=2), nn.MaxPool(2), nn.ReLU())
    heads = nn.Heads(**{name: head(place) for place, name in enumerate(HEADS)})
    return nn.MultiHead(nn.Chain(*features, heads), (*CANVAS, 1), seed=seed)


def train_numbers(digits: Any, batches: int, epochs: int, *, progress: bool = True) -> tuple[nn.MultiHead, float]:
    """Train on the training digits; return the model, and its error on numbers of test digits: the share of wrong numbers."""
    model = network()
    training = Numbers(digits.train_images, digits.train_labels, batches)
    test = draw_numbers(digits.test_images, digits.test_labels, 40 * batches, np.random.default_rng(2015))
    stn.fit(model, training, epochs=epochs, learning_rate=2e-3, validation=test, progress=progress)
    print({head: f"{error:.2%}" for head, error in model.errors(*test).items()})
    error = model.evaluate(*test)[1]
    assert error is not None
    return model, error


def draw_where_heads_look(model: nn.MultiHead, images: Any, path: Path) -> None:
    """Draw the region of each head on some images, and write the figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 1.25 * (len(images) // 2)), layout="constrained")
    predictions = model.predict(images)
    for n, axes in enumerate(figure.subplots(len(images) // 2, 2).flat):
        axes.imshow(images[n, ..., 0], cmap="gray_r")
        for place, head in enumerate(HEADS):
            name = f"heads1.{head}.spatialtransformer1"
            theta = model.theta(images[n : n + 1], transformer=name)[0]
            stn.plot.draw_region(axes, "affine", theta, CANVAS, color=f"C{place}")
        axes.set_title("".join(str(predictions[head][n]) for head in HEADS), fontsize=9)
        axes.set_axis_off()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Read the options, train, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with the files of MNIST; without it the digits of the extra demo")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batches", type=int, default=250, help="batches of 128 numbers an epoch (default: 250)")
    parser.add_argument("--out", type=Path, default=Path("runs/three_digits"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    digits = stn.data.load_digits() if options.data is None else stn.data.load_mnist(options.data)
    start = time.perf_counter()
    model, error = train_numbers(digits, options.batches, options.epochs)
    minutes = (time.perf_counter() - start) / 60
    result = {"error": error, "minutes": minutes, "parameters": model.n_params}
    (options.out / "result.json").write_text(json.dumps(result))
    stn.save(model, options.out / "three_digits.safetensors")
    images, _ = draw_numbers(digits.test_images, digits.test_labels, 8, np.random.default_rng(1))
    draw_where_heads_look(model, images, options.out / "where_heads_look.png")
    print(f"{error:.2%} of the numbers are wrong; where each head looks: {options.out / 'where_heads_look.png'}")


if __name__ == "__main__":
    main()
