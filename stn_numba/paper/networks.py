"""The paper's networks, each as wide as the parameter budget of its data set allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.data import DIGIT_SHAPE
from stn_numba.models import cnn, fcn, st_cnn, st_fcn, two_st_fcn
from stn_numba.nn import Classifier
from stn_numba.paper.experiments import Experiment
from stn_numba.transform.registry import get_transform

__all__ = ["BUDGETS", "make_network"]

BUDGETS = dict.fromkeys(("R", "E"), 200_000) | dict.fromkeys(("RTS", "P", "TC", "addition"), 400_000)
"""The parameter budget of each data set: the paper's 400,000, and half of that on 28 x 28 canvases."""

_CANVAS = {"R": (28, 28, 1), "E": (28, 28, 1), "TC": (60, 60, 1), "addition": (42, 42, 2)}
_CANVAS |= dict.fromkeys(("RTS", "P"), (42, 42, 1))

# On canvases larger than a digit the transformer starts from the middle. Where the paper pools the transformer's output, it
# samples at twice the resolution, so that the classifier still gets 28 x 28. The exception is ST-FCN on RTS, which samples as
# many pixels as the canvas has, as in the paper: the pooled 21 x 21 leave it more units.
_POOLED = ("RTS", "TC")

# FCN's first layer at full resolution would take all parameters and leave fewer than the paper's minimum of 128 units.
_COARSE = ("TC", "addition")

# The sum of two digits is not a linear function of convolutional features: without a hidden layer CNN takes hundreds of epochs
# to reach the paper's error.
_HIDDEN_UNITS = 256


def make_network(experiment: Experiment, seed: int, budget: int | None = None) -> Classifier:
    """Make the widest network of an experiment that fits the budget, by default that of its data set.

    Examples
    --------
    >>> from stn_numba.paper import find_experiments
    >>> make_network(find_experiments("st-cnn/affine/R")[0], seed=0).n_params
    194876
    """
    make = _maker(experiment, seed)
    budget = BUDGETS[experiment.column] if budget is None else budget
    low, high = 8, 1024  # the widest that fits lies in between
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if make(middle).n_params <= budget else (low, middle)
    network = make(low)
    if network.n_params > budget:
        raise ValueError(f"budget: expected at least {network.n_params}, which {experiment.name} takes, got {budget}")
    return network


def _maker(experiment: Experiment, seed: int) -> Callable[[int], Classifier]:
    canvas, n_classes = _CANVAS[experiment.column], 19 if experiment.column == "addition" else 10
    has_filters = experiment.model.endswith("cnn")
    width = "filters" if has_filters else "units"
    makers: dict[str, Callable[..., Classifier]] = {
        "fcn": fcn, "cnn": cnn, "st-fcn": st_fcn, "st-cnn": st_cnn, "2st-fcn": two_st_fcn,
    }  # fmt: skip
    options: dict[str, Any] = {"seed": seed, "center": False}
    if experiment.model == "fcn":
        options["downsample"] = 2 if experiment.column in _COARSE else 1
    if experiment.model == "cnn" and experiment.column == "addition":
        options["units"] = _HIDDEN_UNITS
    if experiment.transform is not None:
        factor = 2 if experiment.column in _POOLED else 1
        as_paper = experiment.column == "RTS" and not has_filters
        options |= {
            "transform": experiment.transform,
            "shape": canvas[:2] if as_paper else tuple(factor * size for size in DIGIT_SHAPE),
            "downsample": factor,
            "initial": _middle(experiment.transform, DIGIT_SHAPE[0] / canvas[0]),
        }
        options["localisation_downsample"] = 1 if canvas[:2] == DIGIT_SHAPE and not has_filters else 2
        if has_filters:
            options["localisation_units"] = 20
    return lambda value: makers[experiment.model](canvas, n_classes, **{width: value}, **options)


def _middle(transform: str, share: float) -> NDArray[Any]:
    """Return parameters that sample the middle `share` of the canvas; all three transforms scale with their parameters."""
    return np.asarray(get_transform(transform).identity()) * share
