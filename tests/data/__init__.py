"""Tests of stn_numba.data."""
