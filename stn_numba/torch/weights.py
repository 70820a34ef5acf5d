"""`load_state_dict` and `state_dict`: the weights of a model from and to PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from stn_numba._util.arrays import as_array
from stn_numba.nn import Model
from stn_numba.nn.model.find_transformers import named_transformers
from stn_numba.torch.axis_orders import Tensors, from_torch, to_torch
from stn_numba.torch.places import Place, places_of

__all__ = ["load_state_dict", "state_dict"]

_TUTORIAL = {
    "conv1": "conv2d1",
    "conv2": "conv2d2",
    "fc1": "dense1",
    "fc2": "dense2",
    "localization.0": "spatialtransformer1.localisation.conv2d1",
    "localization.3": "spatialtransformer1.localisation.conv2d2",
    "fc_loc.0": "spatialtransformer1.localisation.dense1",
    "fc_loc.2": "spatialtransformer1.localisation.theta",
}

_COUNT = "num_batches_tracked"  # of BatchNorm in PyTorch, which nothing here needs


def load_state_dict(
    model: Model, state_dict: Mapping[str, Any], mapping: Mapping[str, str] | None = None, *, align_corners: bool = False
) -> None:
    """Load the weights of a PyTorch network into a model of the same architecture.

    Axis orders are converted: those of convolutions, of dense layers, and of what follows `Flatten`, which has the channels
    last here and first in PyTorch. Nothing is loaded if anything does not fit.

    Parameters
    ----------
    model : Model
        Its layers with weights are `Conv2d`, `Dense`, `BatchNorm`, and the dense layer ``theta`` of each `SpatialTransformer`.
    state_dict : mapping of str to Tensor or array
        What ``network.state_dict()`` returns, or the arrays of a safetensors file. A layer without a bias gets zeros.
    mapping : mapping of str to str, optional
        From PyTorch's name of each module to the name of a layer of the model, as in ``model.params``:
        ``{"features.0": "conv2d1", "head": "dense1"}``. Not needed for `stn_numba.models.tutorial`, which is the network of
        PyTorch's tutorial on spatial transformers.
    align_corners : bool, default False
        What the PyTorch network passes to ``affine_grid`` and ``grid_sample``. The same theta means another region
        otherwise, so the transformers of the model must have been made with the same value.

    Raises
    ------
    TypeError
        If the model is no `Model`, or a value is no array.
    ValueError
        If the mapping or the state dict lacks something, has too much, or a shape differs; or if `align_corners` does.

    Examples
    --------
    >>> from stn_numba import models
    >>> trained, model = (models.tutorial(align_corners=False, seed=seed) for seed in (0, 1))
    >>> weights = globals()["state_dict"](trained)
    >>> load_state_dict(model, weights)
    >>> bool((model.params["dense2.weight"] == trained.params["dense2.weight"]).all())
    True
    """
    places = _places(model, mapping, state_dict, align_corners)
    left = {name for name in state_dict if name.rpartition(".")[2] != _COUNT}
    params, state = {}, {}
    for module, place in places.items():
        tensors = {name.rpartition(".")[2]: value for name, value in state_dict.items() if name.rpartition(".")[0] == module}
        if not tensors:
            raise ValueError(f"state_dict: expected weights of the module {module!r}, got {', '.join(state_dict) or 'nothing'}")
        arrays = {name: _as_array(value, f"state_dict[{module}.{name}]") for name, value in tensors.items() if name != _COUNT}
        left -= {f"{module}.{name}" for name in arrays}
        found = from_torch(place, arrays, module)
        params.update({f"{place.name}.{name}": array for name, array in found.items() if name in place.layer.params})
        state.update({f"{place.name}.{name}": array for name, array in found.items() if name in place.layer.state})
    if left:
        raise ValueError(f"state_dict: expected only weights of {', '.join(places)}, got {', '.join(sorted(left))}")
    model.params.update(params)
    model.state.update(state)
    model.trained_on(None)


def state_dict(model: Model, mapping: Mapping[str, str] | None = None, *, align_corners: bool = False) -> Tensors:
    """Return the weights of a model by the names and in the axis orders of a PyTorch network: the inverse of `load_state_dict`.

    Parameters
    ----------
    model, mapping, align_corners
        As for `load_state_dict`.

    Returns
    -------
    dict of str to Tensor
        Copies, for ``network.load_state_dict``.

    Raises
    ------
    TypeError, ValueError
        As `load_state_dict`.

    Examples
    --------
    >>> from stn_numba import models
    >>> weights = state_dict(models.fcn(), {"first": "dense1", "second": "dense2", "last": "dense3"})
    >>> weights["first.weight"].shape, weights["last.bias"].shape
    (torch.Size([128, 784]), torch.Size([10]))
    """
    places = _places(model, mapping, None, align_corners)
    return {f"{module}.{name}": tensor for module, place in places.items() for name, tensor in to_torch(place).items()}


def _places(model: Any, mapping: Any, given: Mapping[str, Any] | None, align_corners: bool) -> dict[str, Place]:
    """Return where the weights of each PyTorch module go."""
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a Model, got {type(model).__name__}")
    for name, transformer in named_transformers(model.network, inside=True):
        if transformer.align_corners is not align_corners:
            raise ValueError(
                f"align_corners: expected {transformer.align_corners}, as the transformer {name!r} has, got {align_corners}: "
                "make the model with what the PyTorch network passes to affine_grid and grid_sample, where False is the default"
            )
    places = places_of(model)
    if mapping is None:
        if set(_TUTORIAL.values()) != set(places):
            modules = dict.fromkeys(name.rpartition(".")[0] for name in given or ())
            named = f"names of modules ({', '.join(modules)})" if modules else "names of modules"
            raise ValueError(f"mapping: expected a dict from {named} to layers ({', '.join(places)}), got None")
        mapping = _TUTORIAL
    unknown, missing = [name for name in mapping.values() if name not in places], set(places) - set(mapping.values())
    if unknown or missing or len(set(mapping.values())) < len(mapping):
        raise ValueError(f"mapping: expected each of the layers {', '.join(places)} once, got {', '.join(mapping.values())}")
    return {module: places[name] for module, name in mapping.items()}


def _as_array(value: Any, name: str) -> NDArray[Any]:
    """Return a tensor as an array, also one on another device or of half precision."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    return as_array(value, name)
