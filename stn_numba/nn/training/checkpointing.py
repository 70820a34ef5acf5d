"""Keeps a run of training in a file, and brings it back."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from stn_numba._util.arguments import as_path, as_real
from stn_numba._util.files import check_output_path
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.saving.architecture import expect_known
from stn_numba.nn.saving.checkpoint_file import plain, read_checkpoint, write_checkpoint
from stn_numba.nn.saving.model_file import StorageError, safetensors
from stn_numba.nn.schedules import Schedule
from stn_numba.nn.training.state import Run

__all__ = ["Keeper", "architecture_of", "optimizer_name", "schedule_name"]


class Keeper:
    """Writes a run to a checkpoint, together with the settings that it depends on.

    Parameters
    ----------
    path
        The file, or None for a keeper that does nothing.
    settings
        What must be the same when the run goes on.
    seconds
        Time between two checkpoints within an epoch.
    """

    def __init__(self, path: str | os.PathLike[str] | None, settings: Mapping[str, Any], seconds: float) -> None:
        self.path = None if path is None else as_path(path, "checkpoint")
        self.settings: dict[str, Any] = json.loads(json.dumps(settings, default=plain))
        self.seconds, self._last = seconds, time.perf_counter()

    def resume(self, run: Run) -> None:
        """Bring a run to where the file left it, if there is one.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        StorageError
            If the file is damaged, or belongs to a run with other settings.
        """
        if self.path is None:
            return
        safetensors()  # asked for now, rather than after an epoch
        if not check_output_path(self.path).exists():
            return
        state = read_checkpoint(self.path)
        theirs = state.get("settings")
        if not isinstance(theirs, dict):
            raise StorageError(f"checkpoint {self.path}: expected the run's settings, got {theirs!r:.60}")
        for name, value in self.settings.items():
            if theirs.get(name) != value:
                where, before, now = _difference(name, theirs.get(name), value)
                raise StorageError(
                    f"checkpoint {self.path}: it belongs to a run with {where} = {before!r:.200}, got {now!r:.200}; "
                    "repeat that run's settings, or use another file or folder"
                )
        try:
            run.restore(state)
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise StorageError(f"checkpoint {self.path}: it does not fit this model and optimizer: {error!r}") from error

    def write(self, run: Run) -> None:
        """Write the run to the file."""
        if self.path is None:
            return
        write_checkpoint(self.path, {"settings": self.settings, **run.state()})
        self._last = time.perf_counter()

    def write_if_due(self, run: Run) -> None:
        """Write the run to the file, if the last time is long ago."""
        if time.perf_counter() - self._last >= self.seconds:
            self.write(run)


def _difference(place: str, before: Any, now: Any) -> tuple[str, Any, Any]:
    """Where in two values, as JSON holds them, the first difference lies; and what stands there."""
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = [(f"{place}.{key}", before.get(key), now.get(key)) for key in {**before, **now}]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = [(f"{place}[{number}]", *both) for number, both in enumerate(zip(before, now, strict=True))]
    else:
        return place, before, now
    return next(_difference(*pair) for pair in pairs if pair[1] != pair[2])


def optimizer_name(rule: Optimizer) -> str:
    """Return how an optimizer says what it is; what has no ``__repr__`` goes by its class, wherever it lies in memory."""
    return re.sub(r"<(\S+) object at 0x[0-9a-fA-F]+>", r"\1", repr(rule))


def architecture_of(model: Classifier) -> dict[str, Any]:
    """Return the model's description; with layers or transforms of one's own, the shapes of its parameters."""
    try:
        expect_known(model.network)
        return model.config()
    except ValueError:
        return {name: list(array.shape) for name, array in model.params.items()}


def schedule_name(schedule: Schedule) -> str:
    """Return how a schedule is called, and what it multiplies by at five places: enough to notice another one."""
    name = getattr(schedule, "__qualname__", type(schedule).__name__)
    values = [as_real(schedule(part / 4), "schedule's value") for part in range(5)]
    return f"{name} {[round(value, 6) for value in values]}"
