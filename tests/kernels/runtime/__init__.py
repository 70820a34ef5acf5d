"""Tests of stn_numba.kernels.runtime.

addresses: kernels/test_signature.py, kernels/runtime/test_prebuilt.py
dispatch: threads/test_counts.py, stress/test_frameworks.py
"""
