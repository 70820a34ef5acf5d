"""Layers for volumes (N, D, H, W, C): convolution, pooling and projection, plain beside those for images."""
