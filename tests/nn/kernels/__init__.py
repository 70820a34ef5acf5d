"""Tests of stn_numba.nn.kernels: their machine code. Layers test what they compute.

affine_sampling: nn/engine/test_sampling.py
batch_norm: nn/layers/test_batch_norm.py
conv_microkernels, convolution, flat, im2col, sequence, sparse_conv_backward: nn/engine/test_fused_chains.py
constants, cpu: deploy/test_network_kernels.py
dense, products: nn/engine/test_dense.py
losses: nn/losses/test_every_loss.py
optimizers: nn/optimizers/test_adam_and_sgd.py
pooling: nn/layers/test_pooling.py
"""
