"""Make sure that training can write to all arrays of parameters and state."""

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
    """Give layers a copy of each array that cannot be changed in place, and leave all other arrays as they are.

    Copied are arrays that are read-only (joblib maps large arrays from files that way), have gaps, or another dtype or byte
    order; arrays of state keep their dtype. The original array is never written to.

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
                _replace(layer, "params", key, model.dtype, f"parameter '{name}.{key}'")
        for key, array in list(layer.state.items()):
            if not isinstance(array, np.ndarray) or not array.flags.carray or not array.dtype.isnative:
                _replace(layer, "state", key, None, f"state '{name}.{key}'")


def _replace(layer: Layer, kind: str, key: str, dtype: np.dtype[Any] | None, name: str) -> None:
    """Put a new array in the place of one of a layer's arrays; None as its dtype means the same as before."""
    old: NDArray[Any] = as_array(getattr(layer, kind)[key], name)
    if old.dtype.kind not in ("fiu" if dtype else "biuf"):
        raise TypeError(f"{name}: expected real numbers, got dtype {old.dtype}")
    dtype = dtype or old.dtype.newbyteorder("=")
    new = np.array(old, dtype, order="C", subok=False)
    getattr(layer, kind)[key] = new
    if getattr(layer, kind)[key] is not new:
        raise ValueError(
            f"{name}: expected a writable array of {dtype} without gaps, and {type(layer).__name__} does not let "
            "its array be replaced: give it a copy"
        )
