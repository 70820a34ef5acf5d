"""Sums over voxels for each kind of transform of volumes, as `stn_numba.registration.models` has them for images."""
