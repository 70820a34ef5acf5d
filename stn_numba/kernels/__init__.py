"""Numba kernels over raw memory. They do not validate, and do not allocate results: callers do both.

What callers import (`runtime`, `constants`, `signature`) is light: Numba itself is imported when a kernel has to be compiled.
"""
