"""Tests of stn_numba.dask.training.

packed, parts, worker: dask/training/test_cluster.py, dask/training/test_workers.py
traffic: dask/training/test_cluster.py
"""
