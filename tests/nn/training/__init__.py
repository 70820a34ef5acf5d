"""Tests of stn_numba.nn.training.

argument_checks: nn/training/test_fit.py
clock, loop: nn/training/test_fit.py, nn/training/test_incomplete_epochs.py
optimizer_state, training_loss: nn/training/test_fit.py
state: nn/training/test_checkpointing.py, nn/training/test_incomplete_epochs.py
"""
