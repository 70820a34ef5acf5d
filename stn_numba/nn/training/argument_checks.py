"""Checks of the arguments of `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_int, as_option, as_real
from stn_numba.nn.inputs.images import expect_finite
from stn_numba.nn.losses.base import Loss, Targets
from stn_numba.nn.model.base import Model

__all__ = ["check_data", "check_functions", "check_numbers", "check_restore_best", "check_validation"]

_LEAST = {"epochs": 1, "batch_size": 1, "seed": 0, "parts": 1}
_INTERVALS = {
    "learning_rate": "[0, inf)", "weight_decay": "[0, inf)", "checkpoint_seconds": "[0, inf]",
    "seconds": "(0, inf]", "clip_norm": "(0, inf]",
}  # fmt: skip


def check_data(
    model: Model, loss: Loss, X: ArrayLike, y: Any, *, free_size: bool = False, name: str = ""
) -> tuple[NDArray[Any], Targets]:
    """Return images, and targets as the loss takes them, as arrays that fit the model; mapped files of images are not read.

    `name` is put before X and y in errors.
    """
    X = model.expect_images(X, free_size=free_size, name=f"{name}X")
    targets = loss.check_targets(y, len(X), model.target_shape, name=f"{name}y")
    if not len(X):
        raise ValueError(f"{name}X: expected at least one image, got none")
    return X, targets


def check_validation(model: Model, loss: Loss, validation: Any) -> tuple[NDArray[Any], Targets] | None:
    """Return (images, targets) as arrays with finite pixels, or None."""
    if validation is None:
        return None
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError(f"validation: expected (images, targets), got {type(validation).__name__}")
    images, targets = check_data(model, loss, *validation, name="validation ")
    expect_finite(images, name="validation X")
    return images, targets


def check_numbers(**numbers: Any) -> None:
    """Reject numbers that are out of their range; `seconds`, `clip_norm` and `parts` may be None."""
    for name, value in numbers.items():
        if value is None and name in ("seconds", "clip_norm", "parts"):
            continue
        if name in _LEAST:
            as_int(value, name, least=_LEAST[name])
        else:
            as_real(value, name, _INTERVALS[name])


def check_restore_best(column: Any, validated: bool) -> None:
    """Reject columns of the history that are unknown, or empty because there are no validation data."""
    if column is not None:
        as_option(column, "restore_best", ("loss", "error", "validation_loss", "validation_error"))
        if column.startswith("validation") and not validated:
            raise ValueError(f"restore_best: {column!r} needs validation data")


def check_functions(schedule: Any, augment: Any, theta_penalty: Any, callbacks: Any, optimizer: Any) -> None:
    """Reject what cannot be called, and classes where their instances are expected."""
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str | bytes):
        raise TypeError(f"callbacks: expected a sequence of functions, got {type(callbacks).__name__}")
    if isinstance(optimizer, str | int | float):
        raise TypeError(f"optimizer: expected an optimizer, as `Adam()`, got {optimizer!r:.60}")
    named = {**{f"callbacks[{place}]": callback for place, callback in enumerate(callbacks)}}
    optional = {"schedule": schedule, "augment": augment, "theta_penalty": theta_penalty}
    named |= {name: function for name, function in optional.items() if function is not None}
    if optimizer is not None:
        named |= {f"optimizer.{name}": getattr(optimizer, name, None) for name in ("init", "apply")}
    for name, value in [("optimizer", optimizer), *named.items()]:
        if isinstance(value, type):
            raise TypeError(f"{name}: expected an instance, got the class {value.__name__} itself")
    for name, function in named.items():
        if not callable(function):
            raise TypeError(f"{name}: expected a function, got {type(function).__name__}")
