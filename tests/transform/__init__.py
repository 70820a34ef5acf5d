"""Tests of stn_numba.transform.

differences, linear: transform/test_base.py
discovery: transform/test_registry.py
point_methods: transform/test_points.py
"""
