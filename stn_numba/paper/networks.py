"""The source's networks, all of a column as large as its budget of parameters allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.data import DIGIT_SHAPE
from stn_numba.models import cnn, fcn, st_cnn, st_fcn, two_st_fcn
from stn_numba.nn import Classifier
from stn_numba.paper.cells import Cell
from stn_numba.transform.registry import get_transform

__all__ = ["BUDGETS", "make_network"]

BUDGETS = dict.fromkeys(("R", "E"), 200_000) | dict.fromkeys(("RTS", "P", "TC", "addition"), 400_000)
"""Most parameters of a column's networks: the source's 400,000, and half of that on canvases of a digit's size."""

_CANVAS = {"R": (28, 28, 1), "E": (28, 28, 1), "TC": (60, 60, 1), "addition": (42, 42, 2)}
_CANVAS |= dict.fromkeys(("RTS", "P"), (42, 42, 1))

# On a canvas larger than a digit the transformer starts from the middle of it, and where the source pools what a
# transformer puts out, it reads at twice the resolution, so that the classifier gets images of a digit's size. But for ST-FCN
# on RTS it reads as many pixels as the canvas has, as in the source: 21 x 21 leave it more units.
_POOLED = ("RTS", "TC")

# Here a first layer at full resolution would take all parameters, and leave it fewer than the source's least 128 units.
_COARSE = ("TC", "addition")

# A sum of two digits is no linear function of what convolutions find of each: without a hidden layer CNN takes hundreds of
# epochs to come below the source's error.
_HIDDEN_UNITS = 256


def make_network(cell: Cell, seed: int, budget: int | None = None) -> Classifier:
    """Make the widest network of a cell's kind within the column's budget.

    Examples
    --------
    >>> from stn_numba.paper import find_cells
    >>> make_network(find_cells("st-cnn/affine/R")[0], seed=0).n_params
    194876
    """
    make = _maker(cell, seed)
    budget = BUDGETS[cell.column] if budget is None else budget
    low, high = 8, 1024  # the widest that fits lies between
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if make(middle).n_params <= budget else (low, middle)
    network = make(low)
    if network.n_params > budget:
        raise ValueError(f"budget: expected at least {network.n_params}, which {cell.name} takes, got {budget}")
    return network


def _maker(cell: Cell, seed: int) -> Callable[[int], Classifier]:
    canvas, n_classes = _CANVAS[cell.column], 19 if cell.column == "addition" else 10
    has_filters = cell.model.endswith("cnn")
    width = "filters" if has_filters else "units"
    makers: dict[str, Callable[..., Classifier]] = {
        "fcn": fcn, "cnn": cnn, "st-fcn": st_fcn, "st-cnn": st_cnn, "2st-fcn": two_st_fcn,
    }  # fmt: skip
    options: dict[str, Any] = {"seed": seed}
    if cell.model == "fcn":
        options["downsample"] = 2 if cell.column in _COARSE else 1
    if cell.model == "cnn" and cell.column == "addition":
        options["units"] = _HIDDEN_UNITS
    if cell.transform is not None:
        factor = 2 if cell.column in _POOLED else 1
        as_source = cell.column == "RTS" and not has_filters
        options |= {
            "transform": cell.transform,
            "shape": canvas[:2] if as_source else tuple(factor * size for size in DIGIT_SHAPE),
            "downsample": factor,
            "initial": _middle(cell.transform, DIGIT_SHAPE[0] / canvas[0]),
        }
        if not has_filters:
            options["localisation_downsample"] = 1 if canvas[:2] == DIGIT_SHAPE else 2
    return lambda value: makers[cell.model](canvas, n_classes, **{width: value}, **options)


def _middle(transform: str, share: float) -> NDArray[Any]:
    """Return parameters that read the middle of the canvas; all three transforms scale with theirs."""
    return np.asarray(get_transform(transform).identity()) * share
