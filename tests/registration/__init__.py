"""Tests of `stn_numba.registration`.

`coarse_to_fine`, `run`, `report` and `settings` are tested through `register`, in test_api.py.
"""
