"""Numba loops of the layers: no checks and no allocation of results. `machine` and `constants` need no Numba."""
