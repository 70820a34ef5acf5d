"""The loss of a network with several heads: a weighted sum of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.losses.base import Loss, Targets

__all__ = ["HeadLosses"]


class HeadLosses(Loss):
    """Weighted sum of the losses of the heads; outputs and targets are dicts by the names of the heads.

    The error of an image is 1 if any head that chooses a class is wrong; without such heads, it is the mean of their errors.

    Parameters
    ----------
    losses : dict of Loss
        The loss of each head.
    weights : dict of float
        The weight of each head's loss.

    Examples
    --------
    >>> from stn_numba.nn.losses.regression import MeanSquaredError
    >>> loss = HeadLosses({"x": MeanSquaredError(), "y": MeanSquaredError()}, {"x": 1.0, "y": 0.5})
    >>> value, d_outputs = loss({"x": np.ones((1, 1)), "y": np.ones((1, 1))}, {"x": np.zeros((1, 1)), "y": np.zeros((1, 1))})
    >>> value, {name: d.tolist() for name, d in d_outputs.items()}
    (1.5, {'x': [[2.0]], 'y': [[1.0]]})
    """

    def __init__(self, losses: Mapping[str, Loss], weights: Mapping[str, float]) -> None:
        self.losses, self.weights = dict(losses), dict(weights)

    @property
    def in_percent(self) -> bool:  # type: ignore[override]
        """Whether `errors` are shares."""
        return any(loss.in_percent for loss in self.losses.values())

    def __call__(self, outputs: Arrays, targets: Targets, sample_weight: Floats | None = None) -> tuple[float, Arrays]:
        """Return the weighted sum of the mean losses over the batch and its gradient, by head."""
        total, gradients = 0.0, {}
        for name, loss in self.losses.items():
            value, d_output = loss(outputs[name], targets[name], sample_weight)
            total += self.weights[name] * value
            gradients[name] = d_output * d_output.dtype.type(self.weights[name])
        return total, gradients

    def check_targets(self, targets: Any, count: int, output_shape: Size | Mapping[str, Size], *, name: str = "y") -> Targets:
        """Return the targets of each head as a dict, after checks; a tuple names them in the order of the heads."""
        assert isinstance(output_shape, Mapping)
        if isinstance(targets, tuple | list) and len(targets) == len(self.losses):
            targets = dict(zip(self.losses, targets, strict=True))
        if not isinstance(targets, Mapping) or set(targets) != set(self.losses):
            got = f"a dict of {', '.join(map(str, targets))}" if isinstance(targets, Mapping) else _described(targets)
            raise ValueError(f"{name}: expected a dict or a tuple with the targets of {', '.join(self.losses)}, got {got}")
        return {
            head: loss.check_targets(targets[head], count, output_shape[head], name=f"{name}[{head!r}]")
            for head, loss in self.losses.items()
        }

    def errors(self, outputs: Arrays, targets: Targets) -> NDArray[Any] | None:
        """Return an error (N,) for each image."""
        by_head = {name: loss.errors(outputs[name], targets[name]) for name, loss in self.losses.items()}
        errors = [error for name, error in by_head.items() if error is not None and self.losses[name].in_percent]
        if errors:
            wrong: NDArray[Any] = np.any(np.stack(errors) > 0, axis=0)
            return wrong
        errors = [error for error in by_head.values() if error is not None]
        return np.mean(errors, axis=0) if errors else None

    def predictions(self, outputs: Arrays) -> dict[str, Any]:
        """Return the predictions of each head."""
        return {name: loss.predictions(outputs[name]) for name, loss in self.losses.items()}

    def config(self) -> dict[str, Any]:
        """Return the losses and weights."""
        return {"losses": self.losses, "weights": self.weights}


def _described(targets: Any) -> str:
    if isinstance(targets, np.ndarray):
        return f"{targets.dtype} {targets.shape}"
    return f"{type(targets).__name__} of {len(targets)}" if isinstance(targets, tuple | list) else type(targets).__name__
