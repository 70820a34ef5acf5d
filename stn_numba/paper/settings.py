"""Training settings of the experiments. Compare settings on held-out training digits (``--validate``), never on test digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from stn_numba._util.arguments import as_option
from stn_numba.nn import Adam, Muon
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.paper.experiments import Experiment

__all__ = ["Settings", "settings_for"]


_OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {"adam": Adam, "muon": Muon}


@dataclass(frozen=True)
class Settings:
    """Options of `fit`, and the parameter budget (None: that of the data set). The schedule is always one cycle."""

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
        """Return the settings as plain data for JSON."""
        return asdict(self)

    def fit_options(self) -> dict[str, Any]:
        """Return the keyword arguments for `fit`."""
        return {
            "epochs": self.epochs, "batch_size": self.batch_size, "optimizer": _OPTIMIZERS[self.optimizer](),
            "learning_rate": self.learning_rate,
            "learning_rate_multipliers": {"localisation": self.localisation_rate}, "label_smoothing": self.label_smoothing,
            "weight_decay": self.weight_decay, "clip_norm": self.clip_norm,
        }  # fmt: skip


# No label smoothing for networks that are too small for their task: it slows them down.
_BY_MODEL = {
    "fcn": Settings(epochs=150, learning_rate=3e-3, label_smoothing=0),
    "cnn": Settings(epochs=20, learning_rate=4e-3),
    "st-fcn": Settings(epochs=100, learning_rate=3e-3),
    "2st-fcn": Settings(epochs=100, learning_rate=3e-3, label_smoothing=0),
    "st-cnn": Settings(epochs=30, learning_rate=4e-3, localisation_rate=1),
}

# Differences of single experiments. CNN sees the whole of the larger canvases, so its epochs take several times as long. RTS is
# learned most slowly and eventually overfits.
_BY_EXPERIMENT: dict[str, dict[str, Any]] = {
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


def settings_for(experiment: Experiment, **changes: Any) -> Settings:
    """Return the settings of an experiment with some replaced; None keeps the default.

    Examples
    --------
    >>> from stn_numba.paper import find_experiments
    >>> settings_for(find_experiments("st-cnn/affine/R")[0], epochs=3).epochs
    3
    """
    settings = replace(_BY_MODEL[experiment.model], **_BY_EXPERIMENT.get(experiment.name, {}))
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})
