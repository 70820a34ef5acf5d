"""Write the state of training to a file, and resume from it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from stn_numba._util.arguments import as_path, as_real
from stn_numba._util.files import check_output_path
from stn_numba.nn.losses.base import Loss
from stn_numba.nn.model.base import Model
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.saving.architecture import expect_known
from stn_numba.nn.saving.checkpoint_file import as_json_number, read_checkpoint, write_checkpoint
from stn_numba.nn.saving.tensor_file import StorageError, safetensors
from stn_numba.nn.schedules import Schedule
from stn_numba.nn.training.state import TrainingState
from stn_numba.nn.training.step import Step

__all__ = ["Checkpointer", "run_settings"]


class Checkpointer:
    """Writes the state of training to a file, with the settings that must be the same when training resumes.

    With a path of None nothing is written or read. Within an epoch `seconds` pass from one checkpoint to the next.
    """

    def __init__(self, path: str | os.PathLike[str] | None, settings: Mapping[str, Any], seconds: float) -> None:
        self.path = None if path is None else as_path(path, "checkpoint")
        self.settings: dict[str, Any] = json.loads(json.dumps(settings, default=as_json_number))
        self.seconds, self._last = seconds, time.perf_counter()

    def resume(self, state: TrainingState) -> None:
        """Restore the state from the file, if it exists; a StorageError says what does not fit."""
        if self.path is None:
            return
        safetensors()  # fails here if it is not installed, rather than after an epoch
        if not check_output_path(self.path).exists():
            return
        content = read_checkpoint(self.path)
        saved = content.get("settings")
        if not isinstance(saved, dict):
            raise StorageError(f"checkpoint {self.path}: expected the run's settings, got {saved!r:.60}")
        for name, value in self.settings.items():
            if saved.get(name) != value:
                where, before, now = _first_difference(name, saved.get(name), value)
                raise StorageError(
                    f"checkpoint {self.path}: it belongs to a run with {where} = {before!r:.200}, got {now!r:.200}; "
                    "repeat that run's settings, or use another file or folder"
                )
        try:
            state.restore(content)
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise StorageError(f"checkpoint {self.path}: it does not fit this model and optimizer: {error!r}") from error

    def write(self, state: TrainingState) -> None:
        """Write the state to the file."""
        if self.path is not None:
            write_checkpoint(self.path, {"settings": self.settings, **state.as_dict()})
            self._last = time.perf_counter()

    def write_if_due(self, state: TrainingState) -> None:
        """Write the state to the file if `seconds` have passed since the last time."""
        if time.perf_counter() - self._last >= self.seconds:
            self.write(state)


def _first_difference(place: str, before: Any, now: Any) -> tuple[str, Any, Any]:
    """Return where two JSON values differ first, and the two values there."""
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = [(f"{place}.{key}", before.get(key), now.get(key)) for key in {**before, **now}]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = [(f"{place}[{number}]", *both) for number, both in enumerate(zip(before, now, strict=True))]
    else:
        return place, before, now
    return next(_first_difference(*pair) for pair in pairs if pair[1] != pair[2])


def run_settings(
    step: Step, loss_at: Callable[[float], Loss], schedule: Schedule, multipliers: Mapping[str, float], **numbers: Any
) -> dict[str, Any]:
    """Return what must be the same when training resumes, as JSON can hold it; `numbers` are further arguments of `fit`."""
    return {
        "model": _architecture_of(step.model), "dtype": step.model.dtype.name, "loss": _loss_name(loss_at),
        "optimizer": _optimizer_name(step.optimizer), "schedule": _schedule_name(schedule),
        "learning_rate_multipliers": dict(multipliers), "clip_norm": step.clip_norm,
        "weight_decay": step.weight_decay, **numbers,
    }  # fmt: skip


def _optimizer_name(optimizer: Optimizer) -> str:
    """Return the optimizer's repr; the default repr without its address in memory."""
    return re.sub(r"<(\S+) object at 0x[0-9a-fA-F]+>", r"\1", repr(optimizer))


def _architecture_of(model: Model) -> dict[str, Any]:
    """Return the model's description; the shapes of its parameters if it has custom layers or transforms."""
    try:
        expect_known(model.network)
        return model.config()
    except ValueError:
        return {name: list(array.shape) for name, array in model.params.items()}


def _loss_name(loss_at: Callable[[float], Loss]) -> str:
    """Return the loss's repr; if it changes in training, those at five places."""
    names = [repr(loss_at(part / 4)) for part in range(5)]
    return names[0] if len(set(names)) == 1 else " ".join(names)


def _schedule_name(schedule: Schedule) -> str:
    """Return a schedule's name and its values at five places, which tell it from other schedules."""
    name = getattr(schedule, "__qualname__", type(schedule).__name__)
    values = [as_real(schedule(part / 4), "schedule's value") for part in range(5)]
    return f"{name} {[round(value, 6) for value in values]}"
