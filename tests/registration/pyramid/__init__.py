"""Tests of `stn_numba.registration.pyramid`."""
