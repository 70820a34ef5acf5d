"""Tests of stn_numba.nn.model.

base, evaluation, image_methods, transformer_methods: nn/model/test_classifier.py, nn/model/test_every_model.py
multi_head, regressor: nn/model/test_every_model.py
rescaled: nn/layers/test_rescale.py
summary: nn/test_representation.py
"""
