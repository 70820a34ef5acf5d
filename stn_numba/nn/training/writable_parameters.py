"""Make sure that training can write to all parameter arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arrays import as_array
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import leaves
from stn_numba.nn.model.base import Model

__all__ = ["ensure_writable"]


def ensure_writable(model: Model) -> None:
    """Give layers a copy of each parameter array that cannot be trained in place, and leave all other arrays as they are.

    Copied are arrays that are read-only (joblib maps large arrays from files that way), have gaps, or another dtype or byte
    order. The original array is never written to.

    Examples
    --------
    >>> from stn_numba.models import fcn
    >>> model = fcn((4, 4, 1), units=2)
    >>> model.params["dense1.bias"].flags.writeable = False
    >>> ensure_writable(model)
    >>> model.params["dense1.bias"].flags.writeable
    True
    """
    for name, layer in leaves(model.network):
        for key, array in list(layer.params.items()):
            if not isinstance(array, np.ndarray) or not array.flags.carray or array.dtype != model.dtype:
                _replace(layer, key, model.dtype, f"{name}.{key}")


def _replace(layer: Layer, key: str, dtype: np.dtype[Any], name: str) -> None:
    old: NDArray[Any] = as_array(layer.params[key], f"parameter {name!r}")
    if old.dtype.kind not in "fiu":
        raise TypeError(f"parameter {name!r}: expected real numbers, got dtype {old.dtype}")
    new = np.array(old, dtype, order="C", subok=False)
    layer.params[key] = new
    if layer.params[key] is not new:
        raise ValueError(
            f"parameter {name!r}: expected a writable array of {dtype} without gaps, and {type(layer).__name__} does not let "
            "its array be replaced: give it a copy"
        )
