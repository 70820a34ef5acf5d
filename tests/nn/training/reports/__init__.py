"""Tests of stn_numba.nn.training.reports."""
