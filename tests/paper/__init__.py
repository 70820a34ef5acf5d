"""Tests of stn_numba.paper.

addition, cells, networks, report, results, settings: paper/test_reproduce.py
demo: cli/test_main.py
"""
