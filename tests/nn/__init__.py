"""Tests of stn_numba.nn.

arrays: nn/layers/test_fusion.py, nn/layers/test_custom_networks.py
penalties: nn/layers/test_theta_penalty.py
"""
