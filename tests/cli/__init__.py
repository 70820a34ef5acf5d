"""Tests of stn_numba.cli.

errors, options: cli/test_main.py
"""
