"""What `fit` refuses before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_int, as_real
from stn_numba.nn.classifier import Classifier

__all__ = ["check_data", "check_functions", "check_numbers", "check_pair"]


def check_data(
    model: Classifier, X: ArrayLike, y: ArrayLike, *, free_size: bool = False, name: str = ""
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labeled images as arrays that fit the model but for their dtype: a mapped file is left where it is.

    `name` is put before X and y in errors.
    """
    X = model.expect_images(X, free_size=free_size, name=f"{name}X")
    y = model.expect_labels(y, len(X), name=f"{name}y")
    if not len(X):
        raise ValueError(f"{name}X: expected at least one image, got none")
    return X, y


def check_pair(validation: Any) -> tuple[Any, Any]:
    """Return (images, labels)."""
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError(f"validation: expected (images, labels), got {type(validation).__name__}")
    return validation[0], validation[1]


def check_numbers(
    *,
    epochs: int,
    batch_size: int,
    seconds: float | None,
    learning_rate: float,
    clip_norm: float | None,
    label_smoothing: float,
    weight_decay: float,
    checkpoint_seconds: float,
    seed: int,
) -> None:
    """Refuse numbers out of their range."""
    as_int(epochs, "epochs", least=1)
    as_int(batch_size, "batch_size", least=1)
    for name, value in (("seconds", seconds), ("clip_norm", clip_norm)):
        if value is not None:
            as_real(value, name, "(0, inf]")
    as_real(learning_rate, "learning_rate", "[0, inf)")
    as_real(label_smoothing, "label_smoothing", "[0, 1)")
    as_real(weight_decay, "weight_decay", "[0, inf)")
    as_real(checkpoint_seconds, "checkpoint_seconds", "[0, inf]")
    as_int(seed, "seed", least=0)


def check_functions(schedule: Any, augment: Any, callbacks: Any, optimizer: Any) -> None:
    """Refuse what cannot be called."""
    named = [("schedule", schedule), *([] if augment is None else [("augment", augment)])]
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str | bytes):
        raise TypeError(f"callbacks: expected a sequence of functions, got {type(callbacks).__name__}")
    named += [(f"callbacks[{place}]", callback) for place, callback in enumerate(callbacks)]
    if isinstance(optimizer, str | int | float):
        raise TypeError(f"optimizer: expected an optimizer, as `Adam()`, got {optimizer!r:.60}")
    named += [] if optimizer is None else [(f"optimizer.{name}", getattr(optimizer, name, None)) for name in ("init", "update")]
    for name, value in [("optimizer", optimizer), *named]:
        if isinstance(value, type):
            raise TypeError(f"{name}: expected an instance, got the class {value.__name__} itself")
    for name, function in named:
        if not callable(function):
            raise TypeError(f"{name}: expected a function, got {type(function).__name__}")
