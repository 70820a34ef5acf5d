"""Gradients of sampling by the image and by the grid: the backward pass."""
