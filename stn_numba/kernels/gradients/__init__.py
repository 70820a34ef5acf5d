"""Gradients of the sampler by the image and by the grid."""
