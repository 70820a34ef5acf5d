"""Turn Python functions into machine code: Numba's options and passes, here or ahead of time."""
