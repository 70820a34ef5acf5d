"""Everything that changes while a model is trained: what a checkpoint stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_bool, as_int, as_real
from stn_numba.nn.arrays import Arrays
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.model.base import Model
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.muon import Muon
from stn_numba.nn.optimizers.sgd import SGD
from stn_numba.nn.training.clock import Clock
from stn_numba.nn.training.reports.history import COLUMNS, Epoch, History
from stn_numba.nn.training.step import Step
from stn_numba.nn.training.writable_parameters import ensure_writable

__all__ = ["RunningMean", "TrainingState"]


@dataclass
class RunningMean:
    """Sums over the images of an epoch so far."""

    count: int = 0
    loss: float = 0.0
    error: float | None = 0.0  # None if the loss has no error

    def add(self, count: int, loss: float, error: float | None) -> None:
        """Add a batch of `count` images with a mean loss and a mean error."""
        self.count, self.loss = self.count + count, self.loss + count * loss
        self.error = None if error is None or self.error is None else self.error + count * error

    def values(self) -> tuple[float, float | None]:
        """Return the mean loss and the mean error."""
        return self.loss / max(self.count, 1), None if self.error is None else self.error / max(self.count, 1)


class TrainingState:
    """The state of training between two steps."""

    def __init__(self, model: Model, step: Step, clock: Clock, seed: int) -> None:
        self.model, self.step, self.clock = model, step, clock
        # generators for the order of batches, for dropout and for augmentation
        self.order, self.noise, self.distortion = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
        self.history, self.mean = History(in_percent=step.loss.in_percent), RunningMean()
        self.position = 0  # batches of the current epoch that are done
        self.order_before: dict[str, Any] = dict(self.order.bit_generator.state)  # when the current epoch began
        self.best: dict[str, Arrays] = {}  # copies of parameters and state after the best epoch, if they are wanted
        self.finished = False
        self.warned = False  # of regions outside the image
        self.learning_rate = 0.0  # of the last step

    def end_epoch(self, epoch: Epoch) -> None:
        """Add an epoch to the history and start the next one."""
        self.history.epochs.append(epoch)
        self.mean, self.position = RunningMean(), 0
        self.order_before = dict(self.order.bit_generator.state)

    def keep_best(self, column: str) -> None:
        """Copy parameters and state if the last epoch is the best by this column of the history."""
        values = self.history.column(column)
        if len(values) > 1 and self.history[-1].completed < 1 and not column.startswith("validation"):
            return  # a mean over some of the batches does not compare to those over all
        if len(values) == 1 or values[-1] < min(values[:-1]):
            self.best = {kind: {name: array.copy() for name, array in own.items()} for kind, own in self._arrays().items()}

    def restore_best(self) -> None:
        """Give the model the best parameters and their state, if they were kept."""
        ensure_writable(self.model)
        for kind, arrays in self._arrays().items():
            arrays.update(self.best.get(kind, {}))

    def _arrays(self) -> dict[str, Arrays]:
        """Return the arrays of the network that training changes."""
        return {"params": self.model.network.params, "state": self.model.network.state}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as nested dicts of arrays and of what JSON can hold."""
        history = {name: np.array(self.history.column(name), np.float64) for name in COLUMNS}  # NaN for None
        return {
            **self._arrays(),
            "optimizer": self.step.optimizer_state,
            "clock": {"step": self.clock.step, "seconds": self.clock.seconds()},
            "order": self.order_before,
            "noise": self.noise.bit_generator.state,
            "distortion": self.distortion.bit_generator.state,
            "history": history,
            "mean": asdict(self.mean),
            "position": self.position,
            "best": self.best,
            "finished": self.finished,
            "warned": self.warned,
            "learning_rate": self.learning_rate,
            "pixels": None if self.model.pixels is None else asdict(self.model.pixels),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Return to a state that `as_dict` returned, if it fits: a file may contain anything, and kernels do not validate."""
        arrays = self._arrays()
        _expect_like("params and state", {kind: state[kind] for kind in arrays}, arrays)
        if isinstance(self.step.optimizer, SGD | Adam | Muon):
            _expect_like("optimizer", state["optimizer"], self.step.optimizer_state)
        _expect_like("best", state["best"], arrays if state["best"] else {})
        finished, warned = (as_bool(state[name], name) for name in ("finished", "warned"))
        step, seconds = _count(state["clock"], "step"), as_real(state["clock"]["seconds"], "seconds", "[0, inf)")
        epochs = [_epoch(*row) for row in zip(*(state["history"][name].tolist() for name in COLUMNS), strict=True)]
        sums = state["mean"]
        error = None if sums["error"] is None else as_real(sums["error"], "error")
        mean = RunningMean(_count(sums, "count"), as_real(sums["loss"], "loss"), error)
        position, learning_rate = _count(state, "position"), as_real(state["learning_rate"], "learning_rate")
        pixels = None if state["pixels"] is None else PixelRange(**state["pixels"])
        self.order.bit_generator.state = state["order"]
        self.noise.bit_generator.state = state["noise"]
        self.distortion.bit_generator.state = state["distortion"]
        # nothing is rejected from here on: the model is changed as a whole or not at all
        for kind, own in arrays.items():
            own.update(state[kind])
        if pixels is not None:
            self.model.trained_on(pixels)
        self.step.optimizer_state, self.order_before = state["optimizer"], state["order"]
        self.clock.resume(step, seconds)
        self.history.epochs, self.mean, self.position, self.learning_rate = epochs, mean, position, learning_rate
        self.best, self.finished, self.warned = state["best"], finished, warned


def _expect_like(name: str, value: Any, model: Any) -> None:
    """Reject nested dicts that differ from `model` in a key, a shape or a type."""
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


def _count(values: Mapping[str, Any], name: str) -> int:
    return as_int(values[name], name, least=0)


def _epoch(epoch: float, *values: float) -> Epoch:
    return Epoch(int(epoch), *(None if np.isnan(value) else value for value in values))  # type: ignore[arg-type]
