"""Draw learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_option
from stn_numba.nn.training.reports.history import History
from stn_numba.plot.figures import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["learning_curves"]

_MARKERS = "os^Dv"  # keep curves apart in print without colors


def learning_curves(
    histories: History | Mapping[str, History],
    *,
    quantity: Literal["error", "loss"] = "error",
    against: Literal["epoch", "seconds"] = "epoch",
    axes: Axes | None = None,
) -> Axes:
    """Draw error or loss over training: solid lines with markers for validation data, thin dashed lines for training data.

    If `fit` stopped within an epoch because of its `seconds`, that epoch is drawn at its fraction, and its training value is
    left out unless it is the only epoch: a mean over a part of the batches is not comparable with the others.

    Parameters
    ----------
    histories : History or dict of str to History
        What `fit` returned, or several of them by name.
    quantity : {"error", "loss"}, default "error"
        Errors are drawn in percent.
    against : {"epoch", "seconds"}, default "epoch"
        The horizontal axis; seconds are of training.
    axes : Axes, optional
        Where to draw. By default on a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `histories` holds anything but histories.
    ValueError
        If `quantity` or `against` is unknown.

    Examples
    --------
    >>> from stn_numba.nn.training.reports.history import Epoch, History
    >>> history = History([Epoch(1, 2.3, 0.9, 2.2, 0.8, 1.0, 1e-3), Epoch(2, 2.0, 0.5, 1.9, 0.4, 2.0, 1e-3)])
    >>> axes = learning_curves({"st_cnn": history})
    >>> [line.get_label() for line in axes.lines]
    ['st_cnn, training', 'st_cnn, validation']
    """
    as_option(quantity, "quantity", ("error", "loss"))
    as_option(against, "against", ("epoch", "seconds"))
    named = {"": histories} if isinstance(histories, History) else histories
    if not isinstance(named, Mapping) or not all(isinstance(history, History) for history in named.values()):
        raise TypeError(f"histories: expected a History, or several by name, got {type(histories).__name__}")
    if axes is None:
        axes = new_axes(1, 1, (5.0, 3.2))[0, 0]
    in_percent = quantity == "error" and all(history.in_percent for history in named.values())
    scale = 100.0 if in_percent else 1.0
    for (name, history), marker in zip(named.items(), cycle(_MARKERS), strict=False):
        prefix, x = f"{name}, " if name else "", _positions(history, against)
        training = _complete_epochs(history, _scaled(history, quantity, scale))
        dot = "." if np.isfinite(training).sum() == 1 else ""  # a single point draws no line
        (line,) = axes.plot(x, training, "--", linewidth=1, marker=dot, label=f"{prefix}training")
        validation = _scaled(history, f"validation_{quantity}", scale)
        if np.isfinite(validation).any():
            axes.plot(x, validation, color=line.get_color(), marker=marker, markersize=4, label=f"{prefix}validation")
    _finish(axes, "error in %" if in_percent else quantity, "epoch" if against == "epoch" else "seconds of training")
    return axes


def _scaled(history: History, column: str, scale: float) -> NDArray[np.float64]:
    """Return a column of a history, with NaN for missing values."""
    return np.array([np.nan if value is None else value * scale for value in history.column(column)])


def _positions(history: History, against: str) -> list[float]:
    """Return the position of each epoch on the horizontal axis."""
    if against == "seconds":
        return history.column(against)
    return [epoch.epoch if epoch.completed == 1 else epoch.epoch - 1 + epoch.completed for epoch in history]


def _complete_epochs(history: History, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace the values of incomplete epochs by NaN if there are complete ones."""
    complete = np.array([epoch.completed == 1 for epoch in history], bool)
    return np.where(complete, values, np.nan) if complete.any() else values


def _finish(axes: Axes, y_label: str, x_label: str) -> None:
    """Label the axes, and make the vertical one logarithmic if all values are positive."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in axes.lines] or [np.zeros(1)])
    if np.nanmin(values, initial=np.inf) > 0 and np.isfinite(values).any():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(visible=True, which="both", color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)
    if axes.lines:
        axes.legend(frameon=False, fontsize=8)
