"""Tests of stn_numba.nn.engine.conv."""
