"""Tests of stn_numba.nn.saving.

architecture: nn/layers/test_every_layer.py, nn/saving/test_register_layer.py
model_kinds: nn/model/test_every_model.py, nn/saving/test_model_file.py
rebuild, tensor_file: nn/saving/test_model_file.py, fuzz/test_readers.py
"""
