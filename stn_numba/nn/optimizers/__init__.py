"""Optimizers, gradient clipping, and multipliers of the learning rate.

What is imported here is public as ``stn_numba.nn.<name>``.
"""

from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.optimizers.muon import Muon
from stn_numba.nn.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "Muon", "Optimizer"]
