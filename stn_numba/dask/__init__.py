"""Dask: training on many workers (`stn_numba.dask.training`).

It needs the extra ``dask``: ``pip install "stn-numba[dask]"``.
"""

from __future__ import annotations

try:
    import dask as _dask  # noqa: F401
except ImportError as error:
    raise ImportError('stn_numba.dask needs Dask: pip install "stn-numba[dask]"') from error
