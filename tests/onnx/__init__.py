"""Tests of stn_numba.onnx. `running` exports models and runs them with ONNX Runtime.

errors, file: onnx/test_export.py
places, assemble, parts, matrices, recorded: onnx/test_grids.py
taps: onnx/test_sampling.py
"""
