"""Tests of stn_numba.transform."""
