"""Tests of stn_numba.nn.optimizers.

adam, address_tables, base, sgd: nn/optimizers/test_adam_and_sgd.py
"""
