"""Tests of stn_numba.threads.

forks: stress/test_threads_and_processes.py
"""
