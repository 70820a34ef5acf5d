"""Tests of stn_numba.sampler.backward: gradients of the sampler."""
