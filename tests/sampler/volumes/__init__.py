"""Tests of volumes in stn_numba.sampler."""
