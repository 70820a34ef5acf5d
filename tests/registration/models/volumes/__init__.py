"""Tests of stn_numba.registration.models.volumes.

matrix, positions, words: registration/models/volumes/test_sums_of_volumes.py
assembly, lattice, lattice_tables: registration/models/volumes/test_sums_of_volumes.py
"""
