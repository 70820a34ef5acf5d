"""Everything that changes while a model is trained, which is what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_bool, as_int, as_real
from stn_numba.nn.arrays import Arrays
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.optimizers.base import SGD, Adam
from stn_numba.nn.optimizers.muon import Muon
from stn_numba.nn.training.clock import Clock
from stn_numba.nn.training.history import COLUMNS, Epoch, History
from stn_numba.nn.training.step import Step
from stn_numba.nn.training.trainable import make_trainable

__all__ = ["Mean", "Run"]

Tree = dict[str, Any]


class Mean:
    """Mean loss and share of wrong predictions over the batches of an epoch."""

    def __init__(self, count: int = 0, loss: float = 0.0, wrong: int = 0) -> None:
        self.count, self.loss, self.wrong = count, loss, wrong

    def add(self, count: int, loss: float, wrong: int) -> None:
        """Take in a batch of `count` images."""
        self.count, self.loss, self.wrong = self.count + count, self.loss + count * loss, self.wrong + wrong

    def values(self) -> tuple[float, float]:
        """Mean loss, share of wrong predictions."""
        return self.loss / max(self.count, 1), self.wrong / max(self.count, 1)


class Run:
    """The state of a run between two steps.

    Attributes
    ----------
    position
        Batches of the running epoch that are behind.
    order_before
        State of the generator of the order when the running epoch began: the epoch can be drawn again from it.
    best
        Copies of the parameters after the best epoch, where they are wanted.
    finished
        Whether training is over.
    rate
        Learning rate of the last step.
    """

    def __init__(self, model: Classifier, step: Step, clock: Clock, seed: int) -> None:
        self.model, self.step, self.clock = model, step, clock
        self.order, self.noise, self.distortion = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
        self.history, self.mean, self.position = History(), Mean(), 0
        self.order_before: Tree = dict(self.order.bit_generator.state)
        self.best: Arrays = {}
        self.finished = self.warned = False
        self.rate = 0.0

    def begin_epoch(self) -> None:
        """Put the order back to the start of the running epoch; a new epoch is already there."""
        self.order.bit_generator.state = self.order_before

    def end_epoch(self, epoch: Epoch) -> None:
        """Note an epoch and get ready for the next one."""
        self.history.epochs.append(epoch)
        self.mean, self.position = Mean(), 0
        self.order_before = dict(self.order.bit_generator.state)

    def keep_best(self, column: str) -> None:
        """Keep a copy of the parameters if the last epoch is the best by this column of the history."""
        values = self.history.column(column)
        if len(values) > 1 and self.history[-1].completed < 1 and not column.startswith("validation"):
            return  # the mean over some of the batches is not to be compared with those over all
        if len(values) == 1 or values[-1] < min(values[:-1]):
            self.best = {name: array.copy() for name, array in self.model.params.items()}

    def put_best_back(self) -> None:
        """Give the model the best parameters that were kept."""
        self.make_trainable()
        self.model.params.update(self.best)

    def make_trainable(self) -> None:
        """Replace parameter arrays that cannot be written to: those given, or put in their place by a callback."""
        make_trainable(self.model.network, self.model.dtype)

    def state(self) -> Tree:
        """Return everything as nested dicts of arrays and of what JSON can hold."""
        return {
            "params": self.model.params,
            "optimizer": self.step.state,
            "clock": {"step": self.clock.step, "seconds": self.clock.seconds()},
            "order": self.order_before,
            "noise": self.noise.bit_generator.state,
            "distortion": self.distortion.bit_generator.state,
            "history": {name: _floats(self.history.column(name)) for name in COLUMNS},
            "mean": {"count": self.mean.count, "loss": self.mean.loss, "wrong": self.mean.wrong},
            "position": self.position,
            "best": self.best,
            "finished": self.finished,
            "warned": self.warned,
            "rate": self.rate,
            "pixels": None if self.model.pixels is None else asdict(self.model.pixels),
        }

    def restore(self, state: Tree) -> None:
        """Go back to a state.

        Raises
        ------
        KeyError, ValueError, TypeError
            If it is not one of this model and optimizer: the file may say anything, and kernels look no more.
        """
        _expect_like("params", state["params"], self.model.params)
        if isinstance(self.step.rule, SGD | Adam | Muon):
            _expect_like("optimizer", state["optimizer"], self.step.state)
        _expect_like("best", state["best"], self.model.params if state["best"] else {})
        for name in ("finished", "warned"):
            as_bool(state[name], name)
        step, seconds = _count(state["clock"]["step"], "step"), as_real(state["clock"]["seconds"], "seconds", "[0, inf)")
        epochs = _epochs(state["history"])
        count, loss, wrong = (state["mean"][name] for name in ("count", "loss", "wrong"))
        mean = Mean(_count(count, "count"), as_real(loss, "loss"), _count(wrong, "wrong"))
        position, rate = _count(state["position"], "position"), as_real(state["rate"], "rate")
        pixels = state.get("pixels")  # older files have none
        pixels = None if pixels is None else PixelRange(**pixels)
        self.order.bit_generator.state = state["order"]
        self.noise.bit_generator.state = state["noise"]
        self.distortion.bit_generator.state = state["distortion"]
        # nothing is refused from here on: the model is changed as a whole or not at all
        self.model.params.update(state["params"])
        if pixels is not None:
            self.model.trained_on(pixels)
        self.step.state, self.order_before = state["optimizer"], state["order"]
        self.clock.resume(step, seconds)
        self.history.epochs, self.mean, self.position, self.rate = epochs, mean, position, rate
        self.best, self.finished, self.warned = state["best"], state["finished"], state["warned"]


def _expect_like(name: str, value: Any, model: Any) -> None:
    """Refuse nested dicts that differ from `model` in a key, a shape or a type."""
    if isinstance(model, Mapping):
        if not isinstance(value, Mapping) or set(value) != set(model):
            raise ValueError(f"{name}: expected {sorted(model)}, got {value!r:.100}")
        for key, inner in model.items():
            _expect_like(f"{name}.{key}", value[key], inner)
    elif isinstance(model, np.ndarray):
        if not isinstance(value, np.ndarray) or (value.shape, value.dtype) != (model.shape, model.dtype):
            raise ValueError(f"{name}: expected {model.dtype} {model.shape}, got {value!r:.100}")
    elif type(value) is not type(model):
        raise TypeError(f"{name}: expected {type(model).__name__}, got {value!r:.100}")


def _count(value: Any, name: str) -> int:
    return as_int(value, name, least=0)


def _floats(column: list[Any]) -> np.ndarray[Any, Any]:
    """Return a column of the history with NaN for None."""
    return np.array([np.nan if value is None else value for value in column], np.float64)


def _epochs(history: Mapping[str, Any]) -> list[Epoch]:
    """Read the history; older files have no column `completed`, since only whole epochs were noted as such."""
    columns = [history[name].tolist() for name in COLUMNS if name != "completed"]
    completed = history["completed"].tolist() if "completed" in history else [1.0] * len(columns[0])
    return [_epoch(*row) for row in zip(*columns, completed, strict=True)]


def _epoch(epoch: float, *values: float) -> Epoch:
    return Epoch(int(epoch), *(None if np.isnan(value) else value for value in values))  # type: ignore[arg-type]
