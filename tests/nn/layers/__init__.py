"""Tests of stn_numba.nn.layers. One suite in test_every_layer.py runs for each layer.

base, dense, flatten, relu, spatial_transformer: nn/layers/test_every_layer.py
chain: nn/layers/test_every_layer.py, nn/layers/test_container.py
heads: nn/model/test_every_model.py
"""
