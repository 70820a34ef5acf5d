"""Tests of stn_numba.nn.engine, which computes fused layers.

conv: nn/engine/test_fused_chains.py, nn/layers/test_conv2d.py
kernel_calls: nn/layers/test_every_layer.py
"""
