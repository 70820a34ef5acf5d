"""Tests of stn_numba.plot.

canvas: plot/test_files.py
"""
