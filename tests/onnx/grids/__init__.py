"""Tests of stn_numba.onnx.grids.

places, assemble, parts, matrices, recorded: onnx/grids/test_dispatch.py
"""
