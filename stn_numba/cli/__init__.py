"""The command ``stn-numba``."""
