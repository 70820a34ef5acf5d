"""Tests of stn_numba._util.

arguments: fuzz/test_odd_arguments.py
environment: threads/test_counts.py, kernels/runtime/test_cache_folders.py
files: nn/saving/test_model_file.py, plot/test_figures.py
progress_bars: nn/training/reports/test_progress.py, registration/test_progress.py
"""
