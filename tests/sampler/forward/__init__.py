"""Tests of stn_numba.sampler.forward: what the sampler reads."""
