"""Models: a network with its input shape and its loss."""

from __future__ import annotations

from stn_numba.nn.model.base import Model
from stn_numba.nn.model.classifier import Classifier
from stn_numba.nn.model.multi_head import MultiHead
from stn_numba.nn.model.regressor import Regressor
from stn_numba.nn.model.rescaled import rescaled

__all__ = ["Classifier", "Model", "MultiHead", "Regressor", "rescaled"]
