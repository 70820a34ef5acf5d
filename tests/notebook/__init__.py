"""Tests of stn_numba.notebook.

explorer: notebook/test_explore.py
"""
