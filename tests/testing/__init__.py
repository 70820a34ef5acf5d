"""Tests of stn_numba.testing.

case, parametrize, point_checks: testing/test_transforms.py
"""
