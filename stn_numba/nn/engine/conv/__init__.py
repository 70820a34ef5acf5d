"""Convolutions: `fused` and `blocked` for batches that fill the lanes of vectors, `im2col` for smaller ones."""
