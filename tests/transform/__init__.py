"""Tests of stn_numba.transform.

discovery: transform/test_registry.py
linear, matrix: transform/test_base.py
"""
