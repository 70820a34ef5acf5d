"""Whole steps of training and inference against the same networks in torch: ``python -m benchmarks --only training``."""

from __future__ import annotations

import importlib.metadata
import platform
import resource
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import machine, training_page
from benchmarks.timing import alternate
from benchmarks.training_twins import sequential
from stn_numba import models
from stn_numba.data.digits import load_digits
from stn_numba.nn import Adam, Classifier
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.training.step import Step

STEPS, TOLERANCE = 5, 1e-4  # steps whose losses are compared, and the largest relative difference

# Low: Adam divides by the size of a gradient, so where that is next to nothing, rounding decides the way of a whole step.
RATE = 1e-4

# Off the pixel lines, where bilinear sampling has kinks: there two right answers differ, and training takes different ways.
# In pixels x = 0.93 j + 0.11 i + 0.0945 and y = 0.95 i - 0.09 j + 1.485, which no whole j and i make whole.
START = (0.93, 0.11, 0.047, -0.09, 0.95, -0.03)


@dataclass(frozen=True)
class Case:
    """A network, a batch, and the ratios to torch that are required: of training, of inference."""

    name: str
    make: Callable[[], Classifier]
    batch: int
    training: float
    inference: float


@dataclass(frozen=True)
class Outcome:
    """Figures of a case; seconds, ratios above 1 where we are faster, bytes."""

    name: str
    batch: int
    difference: float
    ours: float
    torch: float
    ratio: float
    at_least: float
    ours_inference: float
    torch_inference: float
    inference_ratio: float
    inference_at_least: float
    buffers: int

    @property
    def agrees(self) -> bool:
        return self.difference <= TOLERANCE

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "agrees": self.agrees}


def tutorial() -> Classifier:
    return models.tutorial(initial=START, dropout=0)


def st_cnn() -> Classifier:
    return models.st_cnn(initial=START)


def st_fcn() -> Classifier:
    return models.st_fcn(initial=START)


def cnn() -> Classifier:
    return models.cnn((42, 42, 1), filters=64)


CASES = (
    Case("tutorial, batch 64", tutorial, 64, 2.0, 2.0),
    Case("tutorial, batch 256", tutorial, 256, 2.0, 2.0),
    Case("st_cnn, batch 256", st_cnn, 256, 2.0, 2.0),
    Case("st_fcn, batch 256", st_fcn, 256, 1.3, 1.3),
    Case("cnn, 64 filters, 42 x 42, batch 128", cnn, 128, 2.0, 2.0),
)


def play(case: Case, seconds: float) -> Outcome:
    """Compare losses, then time training and inference in turns."""
    digits = load_digits()
    model, labels = case.make(), digits.train_labels[: case.batch]
    X = model.check_images(_on_canvas(digits.train_images[: case.batch], *model.input_shape[:2]))
    theirs = Torch(model, X, labels)
    rule = Step(model, Adam(), {"localisation": 1})
    noise = np.random.default_rng(0)

    def step() -> float:
        return rule(X, labels, noise, RATE, "the benchmark")[0]

    with one_blas_thread():
        differences = [abs(ours / other - 1) for ours, other in ((step(), theirs.step()) for _ in range(STEPS))]
        ours, torch_time = alternate([step, theirs.step], seconds)
        inference, torch_inference = alternate([lambda: model.logits(X), theirs.infer], seconds)
        buffers = _memory(step)
    return Outcome(
        case.name, case.batch, max(differences), ours, torch_time, torch_time / ours, case.training,
        inference, torch_inference, torch_inference / inference, case.inference, buffers,
    )  # fmt: skip


def _on_canvas(images: np.ndarray, H: int, W: int) -> np.ndarray:
    """Images (n, h, w, 1) in the middle of (H, W)."""
    top, left = (H - images.shape[1]) // 2, (W - images.shape[2]) // 2
    sides = ((top, H - images.shape[1] - top), (left, W - images.shape[2] - left))
    return np.pad(images, ((0, 0), *sides, (0, 0)))


class Torch:
    """The twin of a model, as fast as torch offers it: fused Adam, gradients set to None."""

    def __init__(self, model: Classifier, X: np.ndarray, labels: np.ndarray) -> None:
        self.network, _ = sequential(model.network, model.input_shape)
        self.rule = torch.optim.Adam(self.network.parameters(), lr=RATE, fused=True)
        self.X = torch.from_numpy(np.ascontiguousarray(X.transpose(0, 3, 1, 2)))
        self.labels = torch.from_numpy(labels.astype(np.int64))

    def step(self) -> float:
        self.rule.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(self.network(self.X), self.labels)
        loss.backward()
        self.rule.step()
        return float(loss.detach())

    def infer(self) -> Any:
        with torch.inference_mode():
            return self.network(self.X)


def _memory(step: Callable[[], Any]) -> int:
    """Most bytes that a step has at once, and that stay allocated for the next one, beyond data and parameters."""
    import tracemalloc

    from stn_numba.nn.engine import buffers

    buffers.release()
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def run(seconds: float, folder: Path, num_threads: int) -> bool:
    """Play all cases, write the page; whether all losses agree."""
    outcomes = []
    for case in CASES:
        outcomes.append(play(case, seconds))
        print(training_page.line(outcomes[-1]), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak resident memory of the whole run, torch included: {peak / 1024:.0f} MB")
    versions = {name: importlib.metadata.version(name) for name in ("stn-numba", "numba", "numpy", "torch")}
    described = {
        "processor": machine._processor(),
        "threads": num_threads,
        "kernels": machine.kernels(),
        "Python": platform.python_version(),
        **versions,
    }
    training_page.write(folder, described, outcomes, seconds)
    return all(outcome.agrees for outcome in outcomes)
