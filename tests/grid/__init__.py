"""Tests of stn_numba.grid.

base, basis, dense, kernel_grid, matrix: grid/test_kinds.py, grid/test_window.py, sampler/test_against_oracle.py
between_pixels: sampler/antialias/test_values.py, sampler/antialias/test_gradients.py
homography, pixel_conversion: grid/test_pixel_matrix.py
job_writers: sampler/test_plans.py
kernel_words: sampler/test_against_oracle.py
validation: grid/test_kinds.py, grid/test_coordinates.py
"""
