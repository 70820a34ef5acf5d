"""Kernels for volumes (N, D, H, W, C): the counterparts of `kernels.sampling` and `kernels.gradients`, with three axes.

Weights and taps of one axis are those of images. A volume has no strips of several rows and no tiles: its rows are done one by
one, eight voxels at a time where interpolation is linear, voxel by voxel with every other kernel.
"""
