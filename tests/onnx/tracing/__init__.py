"""Tests of stn_numba.onnx.tracing."""
