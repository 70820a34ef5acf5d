"""Tests of stn_numba.registration.

report, run, settings: registration/test_api.py
"""
