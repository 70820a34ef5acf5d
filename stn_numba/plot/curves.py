"""How training went."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Literal

import numpy as np

from stn_numba.nn.training.history import History
from stn_numba.plot.canvas import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["learning_curves"]

_MARKERS = "os^Dv"  # so that curves can be told in print without colors


def learning_curves(
    histories: History | Mapping[str, History],
    *,
    quantity: Literal["error", "loss"] = "error",
    against: Literal["epoch", "seconds"] = "epoch",
    axes: Axes | None = None,
) -> Axes:
    """Draw error or loss over training: solid and marked on validation data, thin and dashed on training data.

    A last epoch that `seconds` of `fit` cut short stands at its share of an epoch. Its mean in training is over some of the
    batches only and cannot be compared with the others: it is left out, unless there is no other epoch.

    Parameters
    ----------
    histories
        What `fit` returned, or several by name.
    quantity
        ``"error"``, in percent, or ``"loss"``.
    against
        ``"epoch"``, or ``"seconds"`` of training.
    axes
        Where to draw; a new figure without it.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If it is no history, or an option is unknown.

    Examples
    --------
    >>> from stn_numba.nn.training.history import Epoch, History
    >>> history = History([Epoch(1, 2.3, 0.9, 2.2, 0.8, 1.0, 1e-3), Epoch(2, 2.0, 0.5, 1.9, 0.4, 2.0, 1e-3)])
    >>> axes = learning_curves({"st_cnn": history})
    >>> [line.get_label() for line in axes.lines]
    ['st_cnn, training', 'st_cnn, validation']
    """
    for name, value, choices in (("quantity", quantity, ("error", "loss")), ("against", against, ("epoch", "seconds"))):
        if value not in choices:
            raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")
    named = {"": histories} if isinstance(histories, History) else histories
    if not isinstance(named, Mapping) or not all(isinstance(history, History) for history in named.values()):
        raise TypeError(f"histories: expected a History, or several by name, got {type(histories).__name__}")
    if axes is None:
        axes = new_axes(1, 1, (5.0, 3.2))[0, 0]
    scale = 100.0 if quantity == "error" else 1.0
    for (name, history), marker in zip(named.items(), cycle(_MARKERS), strict=False):
        prefix, x = f"{name}, " if name else "", _places(history, against)
        training = _of_whole_epochs(history, _scaled(history, quantity, scale))
        dot = "." if np.isfinite(training).sum() == 1 else ""  # one point makes no line
        (line,) = axes.plot(x, training, "--", linewidth=1, marker=dot, label=f"{prefix}training")
        validation = _scaled(history, f"validation_{quantity}", scale)
        if np.isfinite(validation).any():
            axes.plot(x, validation, color=line.get_color(), marker=marker, markersize=4, label=f"{prefix}validation")
    _finish(axes, "error in %" if quantity == "error" else "loss", "epoch" if against == "epoch" else "seconds of training")
    return axes


def _scaled(history: History, column: str, scale: float) -> np.typing.NDArray[np.float64]:
    """One column of a history; what was not measured is NaN."""
    return np.array([np.nan if value is None else value * scale for value in history.column(column)])


def _places(history: History, against: str) -> list[float]:
    """Where each epoch stands on the axis."""
    if against == "seconds":
        return history.column(against)
    return [epoch.epoch if epoch.completed == 1 else epoch.epoch - 1 + epoch.completed for epoch in history]


def _of_whole_epochs(history: History, values: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
    """Put NaN for epochs that were cut short, beside whole ones."""
    whole = np.array([epoch.completed == 1 for epoch in history], bool)
    return np.where(whole, values, np.nan) if whole.any() else values


def _finish(axes: Axes, y_label: str, x_label: str) -> None:
    """Label the axes; values that fall by orders of magnitude are best seen on a logarithmic scale."""
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
