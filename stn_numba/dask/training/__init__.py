"""Training on the workers of a Dask cluster: ``fit(model, X, y, cluster=client)``."""

from stn_numba.dask.training.cluster import DaskCluster
from stn_numba.dask.training.traffic import Traffic

__all__ = ["DaskCluster", "Traffic"]
