"""Tests of stn_numba.grid.

base, basis, dense, matrix: grid/test_every_grid.py, grid/test_window.py
between_pixels: sampler/antialias/test_values.py, sampler/antialias/test_gradients.py
job_writers: sampler/test_plans.py
kernel_grid, kernel_words: sampler/forward/test_values.py, sampler/test_plans.py
"""
