"""Clip gradients by their joint norm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba._util.arrays import as_array
from stn_numba.nn.arrays import Arrays

__all__ = ["clip_by_global_norm"]


def clip_by_global_norm(gradients: Arrays, limit: float) -> Arrays:
    """Scale all gradients together so that their joint Euclidean norm is at most `limit`, which is more than 0.

    Examples
    --------
    >>> clip_by_global_norm({"w": np.array([6.0, 8.0])}, 5.0)["w"].tolist()
    [3.0, 4.0]
    """
    limit = as_real(limit, "limit", "(0, inf]")
    if not isinstance(gradients, Mapping):
        raise TypeError(f"gradients: expected arrays by name, got {type(gradients).__name__}")
    arrays: Arrays = {}
    for name, array in gradients.items():
        arrays[name] = as_array(array, f"gradient {name!r}")
        if arrays[name].dtype.kind != "f":
            raise TypeError(f"gradient {name!r}: expected floats, got dtype {arrays[name].dtype}")
    norm = float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in arrays.values())))
    if not norm > limit:
        return gradients
    return {name: g * g.dtype.type(limit / norm) for name, g in arrays.items()}
