"""Warps, registration and models for Dask arrays, and training on many workers (`stn_numba.dask.training`).

It needs the extra ``dask``: ``pip install "stn-numba[dask]"``.
"""

from __future__ import annotations

try:
    import dask.array as _array  # noqa: F401
except ImportError as error:
    raise ImportError('stn_numba.dask needs Dask: pip install "stn-numba[dask]"') from error

from stn_numba.dask.models import predict, transform
from stn_numba.dask.registration import LazyRegistration, register
from stn_numba.dask.warp import warp

__all__ = ["LazyRegistration", "predict", "register", "transform", "warp"]
