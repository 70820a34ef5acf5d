"""Tests of stn_numba."""
