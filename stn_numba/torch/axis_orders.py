"""The weights of single layers in the axis orders of PyTorch, and back."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from stn_numba.nn import BatchNorm, Conv2d, Dense
from stn_numba.nn.arrays import Arrays
from stn_numba.torch.places import Place

__all__ = ["Tensors", "from_torch", "to_torch"]

Tensors = dict[str, torch.Tensor]

# For each kind of layer, PyTorch's names of its weights, and ours.
_NAMES: dict[type, dict[str, str]] = {
    Conv2d: {"weight": "weight", "bias": "bias"},
    Dense: {"weight": "weight", "bias": "bias"},
    BatchNorm: {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"},
}


def to_torch(place: Place) -> Tensors:
    """Return the weights of a layer as PyTorch has them."""
    arrays = _arrays(place)
    tensors = {name: _tensor(_to_torch(place, arrays[ours])) for name, ours in _names(place).items()}
    if isinstance(place.layer, BatchNorm):
        tensors["num_batches_tracked"] = torch.tensor(0)
    return tensors


def from_torch(place: Place, arrays: Arrays, module: str) -> Arrays:
    """Return the weights of a PyTorch module as a layer has them."""
    names, own = _names(place), _arrays(place)
    unknown, missing = [name for name in arrays if name not in names], set(names) - set(arrays) - {"bias"}
    if unknown or missing:
        expected, got = ", ".join(names), ", ".join(arrays)
        raise ValueError(f"state_dict: expected {expected} of the module {module!r} for {place.name}, got {got}")
    result = {ours: np.zeros_like(own[ours]) for name, ours in names.items() if name not in arrays}
    for name, array in arrays.items():
        expected_shape = _to_torch(place, own[names[name]]).shape
        if array.shape != expected_shape:
            raise ValueError(
                f"state_dict[{f'{module}.{name}'!r}]: expected {expected_shape} for {place.name}, got {array.shape}"
            )
        result[names[name]] = _from_torch(place, array)
    return result


def _names(place: Place) -> dict[str, str]:
    kind = type(place.layer)
    if kind not in _NAMES:
        known = ", ".join(each.__name__ for each in _NAMES)
        raise ValueError(f"model: expected layers with weights of the kinds {known}, got {kind.__name__} at {place.name}")
    return _NAMES[kind]


def _arrays(place: Place) -> Arrays:
    return {**place.layer.params, **place.layer.state}


def _to_torch(place: Place, array: NDArray[np.floating]) -> NDArray[np.floating]:
    if array.ndim == 4:  # of a convolution: (rows, columns, C, filters)
        return array.transpose(3, 2, 0, 1)
    if not _reads_blocks(place, array):
        return array
    return _by_block(place, array, lambda block, part: part.reshape(*block, -1).transpose(2, 0, 1, 3)).T


def _from_torch(place: Place, array: NDArray[np.floating]) -> NDArray[np.floating]:
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if not _reads_blocks(place, array):
        return array
    return _by_block(place, array.T, lambda block, part: part.reshape(block[2], *block[:2], -1).transpose(1, 2, 0, 3))


def _reads_blocks(place: Place, array: NDArray[np.floating]) -> bool:
    """Whether an array has an axis of what the layer reads: weights of a dense layer, all of `BatchNorm` behind `Flatten`."""
    return array.ndim == 2 or (isinstance(place.layer, BatchNorm) and len(array) == sum(map(math.prod, place.blocks)))


def _by_block(
    place: Place, array: NDArray[np.floating], reorder: Callable[[tuple[int, ...], NDArray[np.floating]], NDArray[np.floating]]
) -> NDArray[np.floating]:
    """Reorder the rows of an array that belong to a flattened (H, W, C)."""
    ends = np.cumsum([math.prod(block) for block in place.blocks])
    parts = np.split(array, ends[:-1])
    return np.concatenate(
        [
            reorder(block, part).reshape(part.shape) if len(block) == 3 else part
            for block, part in zip(place.blocks, parts, strict=True)
        ]
    )


def _tensor(array: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(np.array(array, order="C"))
