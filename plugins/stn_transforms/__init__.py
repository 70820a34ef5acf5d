"""The transforms that come with stn-numba; found, as anybody's, only through their entry points."""
