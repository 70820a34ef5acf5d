"""The kinds of models in files, and how to make one from what a file says."""

from __future__ import annotations

from typing import Any, cast

from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.losses.choose import loss_from
from stn_numba.nn.model.base import Model
from stn_numba.nn.model.classifier import Classifier
from stn_numba.nn.model.multi_head import MultiHead
from stn_numba.nn.model.regressor import Regressor

__all__ = ["make_model"]


def make_model(description: dict[str, Any], network: Chain, input_shape: tuple[int, ...], dtype: str) -> Model:
    """Return the model of a description, which is not trusted, around a network."""
    shape, kind = cast(Any, input_shape), description.get("model", "Classifier")
    if kind == "Classifier":
        options = {name: description[name] for name in ("multi_label", "classes") if name in description}
        return Classifier(network, shape, description["n_classes"], dtype=dtype, **options)
    if kind == "MultiHead":
        losses = {name: loss_from(loss) for name, loss in description["losses"].items()}
        return MultiHead(network, shape, losses=losses, weights=description["weights"], dtype=dtype)
    if kind == "Regressor":
        return Regressor(network, shape, loss=loss_from(description["loss"]), dtype=dtype)
    if kind == "Model":
        loss = description["loss"]
        return Model(network, shape, loss=None if loss is None else loss_from(loss), dtype=dtype)
    raise ValueError(f"model: expected Classifier, MultiHead, Regressor or Model, got {kind!r:.60}")
