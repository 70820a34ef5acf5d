"""Tests of stn_numba.nn.optimizers."""
