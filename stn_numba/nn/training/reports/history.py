"""The results of training, epoch by epoch."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from stn_numba._util.arguments import as_option
from stn_numba._util.html import line_chart, table

__all__ = ["COLUMNS", "Epoch", "History", "summary"]


@dataclass(frozen=True)
class Epoch:
    """One epoch.

    Attributes
    ----------
    epoch : int
        Number, from 1.
    loss, error : float
        Means over the training batches of the epoch, as seen while training. The error is the share of wrong predictions of
        classes, or the mean absolute difference from measurements; None with a loss that is a function.
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
    error: float | None
    validation_loss: float | None
    validation_error: float | None
    seconds: float
    learning_rate: float
    completed: float = 1.0


COLUMNS = tuple(field.name for field in fields(Epoch))


def summary(epoch: Epoch, *, in_percent: bool = True) -> str:
    """Return an epoch in one short line, with errors in percent or as they are; without errors the losses.

    Examples
    --------
    >>> summary(Epoch(3, 0.25, 0.1, None, None, 60.0, 1e-3, completed=0.4))
    'loss 0.2500, error 10.00% in 40% of the epoch'
    >>> summary(Epoch(3, 0.25, None, 0.5, None, 60.0, 1e-3))
    'loss 0.2500, validation 0.5000'
    """
    style = ".2%" if in_percent else ".4f"
    text = f"loss {epoch.loss:.4f}" + ("" if epoch.error is None else f", error {epoch.error:{style}}")
    if epoch.completed < 1:
        text += f" in {epoch.completed:.0%} of the epoch"
    if epoch.validation_error is not None:
        return f"{text}, validation {epoch.validation_error:{style}}"
    return text if epoch.validation_loss is None else f"{text}, validation {epoch.validation_loss:.4f}"


@dataclass(repr=False)
class History:
    """The epochs of one call of `fit`, oldest first: a sequence of `Epoch`.

    Parameters
    ----------
    epochs : list of Epoch, default []
        The epochs.
    in_percent : bool, default True
        Whether errors are shares of wrong predictions, which are shown in percent.

    Examples
    --------
    >>> history = History([Epoch(1, 2.3, 0.9, None, None, 1.0, 1e-3)])
    >>> history.column("loss"), history[-1].error
    ([2.3], 0.9)
    """

    epochs: list[Epoch] = field(default_factory=list)
    in_percent: bool = True

    def column(self, name: str) -> list[float]:
        """Return one attribute of `Epoch` for all epochs; a ValueError lists the names that exist."""
        as_option(name, "name", COLUMNS)
        return [getattr(epoch, name) for epoch in self.epochs]

    def __repr__(self) -> str:
        last = f", the last: {summary(self.epochs[-1], in_percent=self.in_percent)}" if self.epochs else ""
        return f"History({len(self.epochs)} epochs{last})"

    def _repr_html_(self) -> str:
        charts = "".join(
            line_chart({"training": self.column(name), "validation": self.column(f"validation_{name}")}, title=name)
            for name in ("loss", "error")
        )
        headings = [name.replace("_", " ") for name in COLUMNS]
        rows = [[_short(getattr(epoch, name)) for name in COLUMNS] for epoch in self.epochs]
        epochs = f"<details><summary>all epochs</summary>{table(headings, rows, right=range(len(COLUMNS)))}</details>"
        return f"<div><strong>{html.escape(repr(self))}</strong></div>{charts}{epochs if rows else ''}"

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __getitem__(self, index: int) -> Epoch:
        return self.epochs[index]


def _short(value: float | None) -> str:
    """Return a number as a cell of a table."""
    return "" if value is None else f"{value:.4g}"
