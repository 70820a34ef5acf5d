"""Numba loops over plain arrays: no checks and no allocation of results; callers see to both.

What callers import (`calls`, `threads`, `constants`) is light: Numba itself is imported where a kernel has to be compiled.
"""
