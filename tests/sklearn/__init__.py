"""Tests of stn_numba.sklearn.

base: sklearn/test_classifier.py, sklearn/test_regressor.py
"""
