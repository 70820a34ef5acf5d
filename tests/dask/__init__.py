"""Tests of stn_numba.dask; they are skipped without Dask.

chunk, plan: dask/test_warp.py
"""
