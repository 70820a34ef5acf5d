"""Tests of stn_numba.onnx. `running` exports models and runs them with ONNX Runtime.

errors, file: onnx/test_export.py
taps: onnx/test_sampling.py
"""
