"""Tests of stn_numba.registration.models.

base, choose, matrix, positions: registration/models/test_models.py
lattice, lattice_tables, linear, row_sums: registration/models/test_sums_of_transforms.py
"""
