"""Random digits, and results and settings for them."""

from __future__ import annotations

import numpy as np

from stn_numba.data import Digits
from stn_numba.paper import find_experiments
from stn_numba.paper.results import Result
from stn_numba.paper.settings import settings_for

RNG = np.random.default_rng(0)


X, Y = RNG.random((80, 28, 28, 1), np.float32), RNG.integers(0, 10, 80)


DIGITS = Digits(X[:60], Y[:60], X[60:], Y[60:])


def result(experiment, error=1.0, **changes):
    return Result(
        **{
            "experiment": experiment, "paper_error": find_experiments(experiment)[0].paper_error, "error": error,
            "loss": 0.1, "images": 10_000, "part": "test",
            "seed": 0, "n_params": 200_000, "epochs": 40, "seconds": 600.0, "threads": 1, "settings": {},
            "command": "stn-numba reproduce",
        } | changes
    )  # fmt: skip


def small(experiment, **changes):
    return settings_for(experiment, **{"epochs": 2, "batch_size": 20, "budget": 60_000, **changes})
