"""Tests of stn_numba.nn.engine, which computes fused layers.

address_kernels: nn/layers/test_every_layer.py
batch_norm: nn/layers/test_batch_norm.py
blas_functions: nn/engine/test_dense.py
conv: nn/engine/test_fused_chains.py, nn/layers/test_conv2d.py
"""
