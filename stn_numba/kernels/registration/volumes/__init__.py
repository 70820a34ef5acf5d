"""Kernels for the registration of volumes (N, D, H, W) of float32: the counterparts of `kernels.registration` with three axes.

What a row of pixels needs is shared: scratch rows, weights, products. A task does some rows of a volume, a strip at a time.
"""
