"""Tests of stn_numba.nn.losses.

base, choose, function: nn/losses/test_own_losses.py
binary_cross_entropy, per_image, regression: nn/losses/test_every_loss.py
"""
