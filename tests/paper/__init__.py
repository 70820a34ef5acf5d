"""Tests of stn_numba.paper.

demo: cli/test_paper.py
settings: paper/test_reproduce.py
"""
