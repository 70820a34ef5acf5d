"""Training and inference of whole networks: networks, batches, and our calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import stn_numba as stn
from benchmarks.case import Array, Call
from stn_numba import data, models, nn

STEPS = 20  # training steps in one timed call
TOLERANCE = 1e-4

# Low, because Adam divides by the size of a gradient: where that is close to 0, rounding decides the direction of a whole step.
LEARNING_RATE = 3e-5

# Off the pixel lines, where bilinear sampling has kinks and two correct gradients differ. In pixels,
# x = 0.93 j + 0.11 i + 0.0945 and y = 0.95 i - 0.09 j + 1.485, which are whole for no whole j and i.
INITIAL = (0.93, 0.11, 0.047, -0.09, 0.95, -0.03)

TRAINING, LOOP, INFERENCE = "training", "custom training loop", "inference"


def normalized(input_shape: tuple[int, int, int] = (28, 28, 1), filters: int = 32) -> nn.Classifier:
    """Return a spatial transformer, and four 3 x 3 convolutions, each with batch normalization and ReLU."""

    def block(filters: int) -> tuple[nn.Layer, ...]:
        return nn.Conv2d(filters, 3, padding=1), nn.BatchNorm(), nn.ReLU()

    first, second = ((*block(width), *block(width), nn.MaxPool(2)) for width in (filters, 2 * filters))
    look = nn.Chain(nn.AvgPool(2), nn.Conv2d(20, 5), nn.ReLU(), nn.MaxPool(2), nn.Flatten(), nn.Dense(20), nn.ReLU())
    transformer = nn.SpatialTransformer(look, initial=INITIAL)
    return nn.Classifier(nn.Chain(transformer, *first, *second, nn.Flatten(), nn.Dense(10)), input_shape, 10)


def three_heads(input_shape: tuple[int, int, int] = (28, 84, 1)) -> nn.MultiHead:
    """Return shared features and three heads, each with a spatial transformer for a third of the image."""

    def head(place: int) -> nn.Chain:
        look = nn.Chain(nn.AvgPool(2), nn.Flatten(), nn.Dense(64), nn.ReLU())
        third = (0.33, 0.02, 0.5 * (place - 1) + 0.013, -0.03, 0.83, 0.017)
        transformer = nn.SpatialTransformer(look, "affine", (14, 14), initial=third)
        features = nn.Conv2d(32, 5), nn.MaxPool(2), nn.ReLU(), nn.Flatten(), nn.Dense(128), nn.ReLU()
        return nn.Chain(transformer, *features, nn.Dense(10))

    heads = nn.Heads(**{name: head(place) for place, name in enumerate(("hundreds", "tens", "ones"))})
    return nn.MultiHead(nn.Chain(nn.Conv2d(16, 5, padding=2), nn.MaxPool(2), nn.ReLU(), heads), input_shape)


NETWORKS: dict[str, Callable[[], nn.Model]] = {
    "tutorial": partial(models.tutorial, initial=INITIAL, dropout=0),
    "st_cnn": partial(models.st_cnn, initial=INITIAL, localisation_downsample=2, localisation_units=20, center=False),
    "st_fcn": partial(models.st_fcn, initial=INITIAL, center=False),
    "cnn, 64 filters, 42 x 42": partial(models.cnn, (42, 42, 1), filters=64, center=False),
    "transformer and 4 convolutions with BatchNorm": normalized,
    "three heads with transformers, 28 x 84": three_heads,
}


@dataclass(frozen=True, eq=False)
class NetworkProblem:
    """A network, and a batch to train it on or to compute its outputs for.

    Attributes
    ----------
    network
        A name in `NETWORKS`.
    model
        The network, which training changes in place.
    images, targets
        (N, H, W, C) float32, and labels (N,), or a dict of them by head.
    task
        `TRAINING`: train the network for `STEPS` steps on the batch; `LOOP`: the same, without `fit`; or `INFERENCE`: compute
        its outputs.
    """

    network: str
    model: nn.Model
    images: Array
    targets: Any
    task: str


def make_problem(network: str, batch: int, task: str) -> NetworkProblem:
    """Make a network and a batch of digits: one in the center of each image, or one for each head, side by side."""
    digits, model = data.load_digits(), NETWORKS[network]()
    images, labels, targets = digits.train_images[:batch], digits.train_labels, digits.train_labels[:batch]
    if isinstance(model, nn.MultiHead):
        parts = [slice(place * batch, (place + 1) * batch) for place in range(len(model.heads.sizes))]
        images = np.concatenate([digits.train_images[part] for part in parts], axis=2)
        targets = {name: labels[part] for name, part in zip(model.heads.sizes, parts, strict=True)}
    H, W, _ = model.input_shape
    top, left = (H - images.shape[1]) // 2, (W - images.shape[2]) // 2
    margins = ((top, H - images.shape[1] - top), (left, W - images.shape[2] - left))
    images = np.pad(images, ((0, 0), *margins, (0, 0)))
    if model.state:
        model.forward(images, np.random.default_rng(0))  # running statistics that are not those of a new network
    return NetworkProblem(network, model, images, targets, task)


class SameBatch:
    """A stream for `stn_numba.fit` that repeats one batch."""

    def __init__(self, images: Array, targets: Any) -> None:
        self.batch = images, targets

    def __len__(self) -> int:
        return STEPS

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Array, Any]]:
        for _ in range(STEPS):
            yield self.batch


def train(problem: NetworkProblem) -> float:
    """Train for `STEPS` steps with `fit`; return the mean loss."""
    history = stn.fit(
        problem.model, SameBatch(problem.images, problem.targets), epochs=1, optimizer=nn.Adam(), learning_rate=LEARNING_RATE,
        schedule=nn.constant, learning_rate_multipliers={"localisation": 1}, clip_norm=None, label_smoothing=0, progress=False,
    )  # fmt: skip
    return history[-1].loss


def train_in_loop(problem: NetworkProblem) -> float:
    """Train for `STEPS` steps in a loop; return the mean loss."""
    model, loss, optimizer, rng = problem.model, problem.model.loss_of(), nn.Adam(), np.random.default_rng(0)
    state, rates, total = optimizer.init(model.params), dict.fromkeys(model.params, LEARNING_RATE), 0.0
    with nn.training_threads():
        for _ in range(STEPS):
            outputs, backprop = model.forward(problem.images, rng)
            value, d_outputs = loss(outputs, problem.targets)
            _, gradients = backprop(d_outputs)
            optimizer.apply(model.params, gradients, state, rates)
            total += value
    return total / STEPS


def train_step_by_step(problem: NetworkProblem) -> float:
    """Train for `STEPS` steps with a `Trainer`; return the mean loss."""
    rates = {"localisation": 1}
    trainer = nn.Trainer(problem.model, learning_rate=LEARNING_RATE, learning_rate_multipliers=rates, clip_norm=None)
    return sum(trainer.step(problem.images, problem.targets) for _ in range(STEPS)) / STEPS


def our_call(problem: NetworkProblem) -> Call:
    """Return our call that solves a problem."""
    if problem.task == INFERENCE:
        return Call("stn-numba", lambda: problem.model.outputs(problem.images), read_outputs)
    run = train if problem.task == TRAINING else train_in_loop
    return Call("stn-numba", lambda: run(problem), read_loss, steps=STEPS)


def our_other_calls(problem: NetworkProblem) -> list[Call]:
    """Return what a custom loop is compared with: `fit` and `Trainer`, each with another copy of the network."""
    if problem.task != LOOP:
        return []
    fitted, stepped = (make_problem(problem.network, len(problem.images), TRAINING) for _ in range(2))
    return [
        Call("stn-numba, fit", lambda: train(fitted), read_loss, TOLERANCE, STEPS),
        Call("stn-numba, Trainer", lambda: train_step_by_step(stepped), read_loss, TOLERANCE, STEPS),
    ]


def read_loss(loss: float) -> list[Array]:
    return [np.array([loss])]


def read_outputs(outputs: Any) -> list[Array]:
    """Return outputs, those of heads in their order."""
    return list(outputs.values()) if isinstance(outputs, dict) else [outputs]
