"""Tests of stn_numba.nn.inputs."""
