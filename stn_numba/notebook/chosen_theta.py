"""A model whose transformer uses parameters that are given, not those that its localisation network chooses."""

from __future__ import annotations

import copy
from typing import Any

from numpy.typing import ArrayLike

from stn_numba.nn.arrays import Floats
from stn_numba.nn.model import Model
from stn_numba.nn.model.find_transformers import chosen_transformer

__all__ = ["ChosenTheta"]


class ChosenTheta:
    """A copy of a model in which the layer ``theta`` of a transformer ignores the image.

    Parameters
    ----------
    model : Model
        It stays as it is.
    transformer : int or str
        As for `Model.theta`.

    Examples
    --------
    >>> import numpy as np
    >>> from stn_numba.models import st_fcn
    >>> chosen = ChosenTheta(st_fcn(), 0)
    >>> X = np.random.default_rng(0).random((1, 28, 28, 1), np.float32)
    >>> outputs, view = chosen(X, [-1, 0, 0, 0, 1, 0])
    >>> np.array_equal(view, X[:, :, ::-1])
    True
    """

    def __init__(self, model: Model, transformer: int | str) -> None:
        self._model = copy.deepcopy(model)
        self._name, layer = chosen_transformer(self._model.network, transformer)
        self._params = layer.theta_layer.params
        self._params["weight"][:] = 0

    def __call__(self, X: ArrayLike, theta: ArrayLike) -> tuple[Any, Floats]:
        """Return the outputs of the network for images, and what the transformer samples, with parameters (P,)."""
        self._params["bias"][:] = theta
        return self._model.outputs(X), self._model.transform(X, transformer=self._name)
