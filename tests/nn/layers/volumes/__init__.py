"""Tests of stn_numba.nn.layers.volumes beside those of nn/layers/test_every_layer.py.

options: nn/layers/test_every_layer.py
"""
