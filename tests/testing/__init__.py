"""Tests of stn_numba.testing.

parametrize: testing/test_transforms.py
"""
