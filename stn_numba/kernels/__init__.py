"""Numba loops over plain arrays: no checks and no allocation of results; callers see to both."""
