"""Tests of stn_numba.grid.

pixel_matrix: grid/test_matrices.py
"""
