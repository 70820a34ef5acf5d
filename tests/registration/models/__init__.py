"""Tests of stn_numba.registration.models.

base, matrix, positions, reading: registration/models/test_models.py
"""
