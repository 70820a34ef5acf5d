"""Parameter arrays that training can write to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arrays import as_array
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import leaves

__all__ = ["make_trainable"]


def make_trainable(network: Layer, dtype: np.dtype[Any]) -> None:
    """Give layers a copy of each parameter array that cannot be trained in place, and leave all other arrays as they are.

    Such are arrays that are read-only (joblib maps large arrays from files that way), have gaps, or another dtype or byte
    order. The caller's own array is never written to.

    Raises
    ------
    TypeError
        If a parameter is not made of real numbers.
    ValueError
        If a custom layer returns its arrays in a way that does not let them be replaced.

    Examples
    --------
    >>> from stn_numba.nn import Dense
    >>> layer = Dense(2)
    >>> _ = layer.initialize((3,), np.random.default_rng(0))
    >>> layer.params["bias"].flags.writeable = False
    >>> make_trainable(layer, np.dtype(np.float32))
    >>> layer.params["bias"].flags.writeable
    True
    """
    for name, layer in leaves(network):
        for key, array in list(layer.params.items()):
            if not _is_trainable(array, dtype):
                _replace(layer, key, dtype, f"{name}.{key}" if name else key)


def _is_trainable(array: Any, dtype: np.dtype[Any]) -> bool:
    return isinstance(array, np.ndarray) and array.flags.carray and array.dtype == dtype


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
