"""How the networks are trained. To be compared on training digits held out (``--validate``), never on the test digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from stn_numba._util.arguments import as_option
from stn_numba.nn import Adam, Muon
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.paper.cells import Cell

__all__ = ["Settings", "settings_of"]


_OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {"adam": Adam, "muon": Muon}


@dataclass(frozen=True)
class Settings:
    """Options of a training, and the budget of parameters (None: the column's).

    The optimizer is Adam or, for convolutions, Muon; the schedule is one cycle that ends at zero.
    """

    optimizer: str = "adam"
    epochs: int = 40
    batch_size: int = 128
    learning_rate: float = 2e-3
    localisation_rate: float = 0.3
    label_smoothing: float = 0.1
    weight_decay: float = 0.0
    clip_norm: float | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        as_option(self.optimizer, "optimizer", tuple(_OPTIMIZERS))

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return asdict(self)

    def fit_options(self) -> dict[str, Any]:
        """Return the arguments of `fit`."""
        return {
            "epochs": self.epochs, "batch_size": self.batch_size, "optimizer": _OPTIMIZERS[self.optimizer](),
            "learning_rate": self.learning_rate,
            "learning_rate_multipliers": {"localisation": self.localisation_rate}, "label_smoothing": self.label_smoothing,
            "weight_decay": self.weight_decay, "clip_norm": self.clip_norm,
        }  # fmt: skip


# Label smoothing slows those down that are too small for their task.
_KINDS = {
    "fcn": Settings(epochs=150, learning_rate=3e-3, label_smoothing=0),
    "cnn": Settings(epochs=20, learning_rate=4e-3),
    "st-fcn": Settings(epochs=100, learning_rate=3e-3),
    "2st-fcn": Settings(epochs=100, learning_rate=3e-3, label_smoothing=0),
    "st-cnn": Settings(epochs=30, learning_rate=4e-3, localisation_rate=1),
}

# What single cells change. A plain convolutional network sees the whole of the larger canvases, and takes several times as long
# for an epoch. RTS is learned the slowest, and in the end by heart.
_CELLS: dict[str, dict[str, Any]] = {
    "cnn/RTS": {"epochs": 24},
    "cnn/P": {"epochs": 14},
    "cnn/addition": {"epochs": 24, "batch_size": 64, "learning_rate": 3e-3, "label_smoothing": 0},
    "cnn/TC": {"epochs": 7},
    "st-fcn/affine/RTS": {"learning_rate": 1.5e-3},
    "st-fcn/projective/RTS": {"learning_rate": 1.5e-3},
    "st-fcn/tps/RTS": {"learning_rate": 1.5e-3},
    "st-cnn/affine/RTS": {"optimizer": "muon", "epochs": 60, "weight_decay": 0.1},
    "st-cnn/projective/RTS": {"epochs": 40, "weight_decay": 0.1},
    "st-cnn/tps/RTS": {"epochs": 44, "weight_decay": 0.1},
}


def settings_of(cell: Cell, **changes: Any) -> Settings:
    """Return the settings of a cell, with changes; those that are None change nothing.

    Examples
    --------
    >>> from stn_numba.paper import find_cells
    >>> settings_of(find_cells("st-cnn/affine/R")[0], epochs=3).epochs
    3
    """
    settings = replace(_KINDS[cell.model], **_CELLS.get(cell.name, {}))
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})
