"""Tests of stn_numba.transform.fitting.

linear, nonlinear, matrices, api: transform/fitting/test_fit_points.py, transform/fitting/test_other_libraries.py
degenerate, pairs: transform/fitting/test_refusals.py
"""
