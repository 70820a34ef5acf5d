"""Measure by how much a digit is turned, and set it upright: regression, and the measured angle as a transform's parameter.

    python examples/rotation_angle.py                   # the digits of the extra `demo`
    python examples/rotation_angle.py --data mnist      # a folder with the files of MNIST

Handwriting slants by some degrees of its own, which no network can tell from a rotation.
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

LARGEST = np.pi / 3
"""Largest angle in radians, either way; the network predicts angles as a share of it."""


class TurnedDigits:
    """Digits turned by random angles, as a stream for `fit`."""

    def __init__(self, digits: Any, batches: int, batch_size: int = 128) -> None:
        self.digits, self.batches, self.batch_size = digits, batches, batch_size

    def __len__(self) -> int:
        return self.batches

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        """Yield images and shares of the largest angle."""
        for _ in range(self.batches):
            yield turn(self.digits[rng.integers(len(self.digits), size=self.batch_size)], rng)


def turn(digits: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return digits turned clockwise by random angles, and the angles as shares of the largest."""
    shares = rng.uniform(-1, 1, (len(digits), 1))
    # theta maps positions of the output to positions of the input, so the content turns the other way
    return stn.warp(digits, -LARGEST * shares, transform="rotation"), shares


def network(seed: int = 0) -> nn.Regressor:
    """Return a convolutional network with one output."""
    layers = nn.Chain(
        nn.Conv2d(16, 5), nn.MaxPool(2), nn.ReLU(), nn.Conv2d(32, 5), nn.MaxPool(2), nn.ReLU(),
        nn.Flatten(), nn.Dense(64), nn.ReLU(), nn.Dense(1),
    )  # fmt: skip
    return nn.Regressor(layers, (28, 28, 1), loss="huber", seed=seed)


def train_angles(digits: Any, batches: int, epochs: int, *, progress: bool = True) -> tuple[nn.Regressor, float]:
    """Train on the training digits; return the model, and its mean error in degrees on test digits."""
    model = network()
    test = turn(digits.test_images, np.random.default_rng(2015))
    stn.fit(model, TurnedDigits(digits.train_images, batches), epochs=epochs, validation=test, progress=progress)
    _, error = model.evaluate(*test)
    assert error is not None
    return model, float(np.degrees(LARGEST * error))


def draw_upright(model: nn.Regressor, images: Any, path: Path) -> None:
    """Draw digits above the same digits set upright by the measured angle, and write the figure."""
    from matplotlib.figure import Figure

    upright = stn.warp(images, LARGEST * model.predict(images), transform="rotation")
    figure = Figure(figsize=(0.8 * len(images), 1.8), layout="constrained")
    for row, shown in zip(figure.subplots(2, len(images)), (images, upright), strict=True):
        for axes, image in zip(row, shown, strict=True):
            axes.imshow(image[..., 0], cmap="gray_r")
            axes.set_axis_off()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Read the options, train, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with the files of MNIST; without it the digits of the extra demo")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batches", type=int, default=400, help="batches of 128 digits an epoch (default: 400)")
    parser.add_argument("--out", type=Path, default=Path("runs/rotation_angle"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    digits = stn.data.load_digits() if options.data is None else stn.data.load_mnist(options.data)
    start = time.perf_counter()
    model, error = train_angles(digits, options.batches, options.epochs)
    minutes = (time.perf_counter() - start) / 60
    result = {"degrees": error, "minutes": minutes, "parameters": model.n_params}
    (options.out / "result.json").write_text(json.dumps(result))
    stn.save(model, options.out / "rotation_angle.safetensors")
    draw_upright(model, turn(digits.test_images[:12], np.random.default_rng(1))[0], options.out / "upright.png")
    print(f"angles are {error:.1f} degrees off on average; digits set upright: {options.out / 'upright.png'}")


if __name__ == "__main__":
    main()
