"""Turn Python functions into machine code: Numba's options and passes, here or ahead of time.

The digest that names compiled code covers this folder.
"""
