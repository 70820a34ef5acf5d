"""The results of training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from stn_numba._util.arguments import as_option

__all__ = ["COLUMNS", "Epoch", "History", "summary"]


@dataclass(frozen=True)
class Epoch:
    """One epoch.

    Attributes
    ----------
    epoch : int
        Number, from 1.
    loss, error : float
        Means over the training batches of the epoch, as seen while training; the error is the share of wrong predictions.
    validation_loss, validation_error : float or None
        The same on the validation data, None without them.
    seconds : float
        Since training began, without validation.
    learning_rate : float
        At the end of the epoch.
    completed : float
        Share of the epoch's batches that were trained on: less than 1 if the `seconds` of `fit` ran out. Loss and error are
        then means over this share.
    """

    epoch: int
    loss: float
    error: float
    validation_loss: float | None
    validation_error: float | None
    seconds: float
    learning_rate: float
    completed: float = 1.0


COLUMNS = tuple(field.name for field in fields(Epoch))


def summary(epoch: Epoch) -> str:
    """Return an epoch in one short line.

    Examples
    --------
    >>> summary(Epoch(3, 0.25, 0.1, None, None, 60.0, 1e-3, completed=0.4))
    'loss 0.2500, error 10.00% in 40% of the epoch'
    """
    text = f"loss {epoch.loss:.4f}, error {epoch.error:.2%}"
    if epoch.completed < 1:
        text += f" in {epoch.completed:.0%} of the epoch"
    return text if epoch.validation_error is None else f"{text}, validation {epoch.validation_error:.2%}"


@dataclass(repr=False)
class History:
    """The epochs of one call of `fit`, oldest first: a sequence of `Epoch`.

    Parameters
    ----------
    epochs : list of Epoch, default []
        The epochs.

    Examples
    --------
    >>> history = History([Epoch(1, 2.3, 0.9, None, None, 1.0, 1e-3)])
    >>> history.column("loss"), history[-1].error
    ([2.3], 0.9)
    """

    epochs: list[Epoch] = field(default_factory=list)

    def column(self, name: str) -> list[float]:
        """Return one attribute of `Epoch` for all epochs; a ValueError lists the names that exist."""
        as_option(name, "name", COLUMNS)
        return [getattr(epoch, name) for epoch in self.epochs]

    def __repr__(self) -> str:
        last = f", the last: {summary(self.epochs[-1])}" if self.epochs else ""
        return f"History({len(self.epochs)} epochs{last})"

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __getitem__(self, index: int) -> Epoch:
        return self.epochs[index]
