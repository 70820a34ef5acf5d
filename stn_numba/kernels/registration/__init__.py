"""Sums over pixels for the registration of images, and pyramids of images.

==================  ==================================================================================
`matrix_sums`       sums of products of values and gradients, where a matrix maps one image to another
`read_planes`       values and gradients of an image at any positions
`row_sums`          the sums for positions that depend on parameters through any basis or Jacobian
`lattice_sums`      the sums for B-spline lattices, as bands of a matrix
`pyramid`           half images, smoothed images
==================  ==================================================================================

Each works on strips of up to `codes.STRIP` pixels of a row, in float32, in scratch rows (`rows`) that stay in the first cache.
"""
