"""Tests of stn_numba.registration.descent.

coarse_to_fine: registration/test_api.py
"""
