"""Tests of stn_numba.sampler.antialias."""
