"""Tests of stn_numba.torch; they are skipped without PyTorch.

axis_orders, places: torch/test_weights.py
compute: torch/test_eager.py, torch/test_warp.py
"""
