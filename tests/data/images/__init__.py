"""Tests of stn_numba.data.images.

pillow: data/images/test_decode.py
reader: data/images/test_folder.py
"""
