"""Training and inference of whole networks: the cases, and our calls."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import stn_numba as stn
from benchmarks import fresh_process, rivals
from benchmarks.case import Array, Call, Case
from stn_numba import data, models, nn

STEPS = 20  # training steps in one timed call
TOLERANCE = 1e-4

# Low, because Adam divides by the size of a gradient: where that is close to 0, rounding decides the direction of a whole step.
LEARNING_RATE = 1e-4

# Off the pixel lines, where bilinear sampling has kinks and two correct gradients differ. In pixels,
# x = 0.93 j + 0.11 i + 0.0945 and y = 0.95 i - 0.09 j + 1.485, which are whole for no whole j and i.
INITIAL = (0.93, 0.11, 0.047, -0.09, 0.95, -0.03)

NETWORKS: dict[str, Callable[[], nn.Classifier]] = {
    "tutorial": partial(models.tutorial, initial=INITIAL, dropout=0),
    "st_cnn": partial(models.st_cnn, initial=INITIAL, localisation_downsample=2, localisation_units=20),
    "st_fcn": partial(models.st_fcn, initial=INITIAL),
    "cnn, 64 filters, 42 x 42": partial(models.cnn, (42, 42, 1), filters=64),
}


@dataclass(frozen=True, eq=False)
class NetworkProblem:
    """A network, and a batch to train it on or to classify.

    Attributes
    ----------
    network
        A name in `NETWORKS`.
    model
        The network, which training changes in place.
    images, labels
        (N, H, W, C) float32 and (N,).
    training
        Whether to train the network for `STEPS` steps on the batch, or to compute its logits.
    """

    network: str
    model: nn.Classifier
    images: Array
    labels: Array
    training: bool


def make_problem(network: str, batch: int, training: bool) -> NetworkProblem:
    """Make a network and a batch of digits, centered on the network's input."""
    digits, model = data.load_digits(), NETWORKS[network]()
    images, (H, W, _) = digits.train_images[:batch], model.input_shape
    top, left = (H - images.shape[1]) // 2, (W - images.shape[2]) // 2
    margins = ((top, H - images.shape[1] - top), (left, W - images.shape[2] - left))
    return NetworkProblem(network, model, np.pad(images, ((0, 0), *margins, (0, 0))), digits.train_labels[:batch], training)


class SameBatch:
    """A stream for `stn_numba.fit` that repeats one batch."""

    def __init__(self, images: Array, labels: Array) -> None:
        self.batch = images, labels

    def __len__(self) -> int:
        return STEPS

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        for _ in range(STEPS):
            yield self.batch


def train(problem: NetworkProblem) -> float:
    """Train for `STEPS` steps; return the mean loss."""
    history = stn.fit(
        problem.model, SameBatch(problem.images, problem.labels), epochs=1, optimizer=nn.Adam(), learning_rate=LEARNING_RATE,
        schedule=nn.constant, learning_rate_multipliers={"localisation": 1}, progress=False,
    )  # fmt: skip
    return history[-1].loss


def our_call(problem: NetworkProblem) -> Call:
    if problem.training:
        return Call("stn-numba", lambda: train(problem), read_loss, steps=STEPS)
    return Call("stn-numba", lambda: problem.model.logits(problem.images), lambda logits: [logits])


def read_loss(loss: float) -> list[Array]:
    return [np.array([loss])]


def _memory(problem: NetworkProblem) -> dict[str, float]:
    if not problem.training:
        return {}
    return {"memory_bytes": fresh_process.python("-m", __name__, problem.network, str(len(problem.images)))}


def _cases(network: str, batch: int, training: float, inference: float) -> list[Case]:
    """Return the two cases of a network; `training` and `inference` are the least ratios of torch's time to ours."""
    return [
        Case(
            f"{what}, {network}, batch {batch}",
            partial(make_problem, network, batch, what == "training"),
            our_call,
            rivals.calls,
            {"torch": at_least},
            _memory,
        )
        for what, at_least in (("training", training), ("inference", inference))
    ]


CASES: list[Any] = [
    *_cases("tutorial", 64, training=2.0, inference=2.0),
    *_cases("tutorial", 256, training=2.0, inference=2.0),
    *_cases("st_cnn", 256, training=2.0, inference=2.0),
    *_cases("st_fcn", 256, training=1.3, inference=1.3),
    *_cases("cnn, 64 filters, 42 x 42", 128, training=2.0, inference=2.0),
]


def measure_memory(network: str, batch: int) -> int:
    """Return the most bytes that training allocates at once, beyond data, parameters and optimizer.

    It must be the first training of a process: later ones use the buffers of earlier ones again.
    """
    problem = make_problem(network, batch, training=True)
    tracemalloc.start()
    train(problem)  # imports and loads everything, and leaves behind the buffers that later steps use again
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    buffers = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([arrays]).traces)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    train(problem)
    adam = 2 * sum(array.nbytes for array in problem.model.params.values())
    return buffers + tracemalloc.get_traced_memory()[1] - before - adam


if __name__ == "__main__":
    print(measure_memory(sys.argv[1], int(sys.argv[2])))
