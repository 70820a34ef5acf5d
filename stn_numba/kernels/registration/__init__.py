"""Sums over pixels for the registration of images, and filters for pyramids of them.

==================  ==================================================================================
`matrix_sums`       sums of products of values and gradients, where a matrix maps one image to another
`row_sums`          the sums for positions that depend on parameters through any basis or Jacobian
`lattice_sums`      the sums for lattices of displacements, cell by cell
`filters`           half images, smoothed images, coefficients of splines
==================  ==================================================================================

Each works on strips of up to `codes.STRIP` pixels of a row, in float32, in scratch rows (`rows`) that stay in the first cache.
`pairs` has what the three kinds of sums share.
"""
