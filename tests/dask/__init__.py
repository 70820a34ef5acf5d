"""Tests of stn_numba.dask."""
