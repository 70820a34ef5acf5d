"""Estimators for scikit-learn: spatial transformer networks, and warps as steps of a pipeline.

They need the extra ``sklearn``: ``pip install "stn-numba[sklearn]"``.
"""

from __future__ import annotations

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("stn_numba.sklearn needs scikit-learn: pip install stn-numba[sklearn]") from error

from stn_numba.sklearn.classifier import SpatialTransformerClassifier
from stn_numba.sklearn.regressor import SpatialTransformerRegressor
from stn_numba.sklearn.warp_transformer import WarpTransformer

__all__ = ["SpatialTransformerClassifier", "SpatialTransformerRegressor", "WarpTransformer"]
