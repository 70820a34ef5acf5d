"""Tests of stn_numba.plot."""
