"""The same network in torch, with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from stn_numba import nn as ours


class Transformer(nn.Module):
    """Localisation network, affine grid, sampler."""

    def __init__(self, layer: ours.SpatialTransformer, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.localisation, features = sequential(layer.localisation, shape)
        self.theta = dense(layer.theta_layer, features)
        self.shape, self.padding, self.align_corners = layer.shape, layer.padding, layer.align_corners

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        theta = self.theta(self.localisation(x)).view(-1, 2, 3)
        size = [len(x), x.shape[1], *(self.shape or x.shape[2:])]
        grid = nn.functional.affine_grid(theta, size, align_corners=self.align_corners)
        return nn.functional.grid_sample(x, grid, padding_mode=self.padding, align_corners=self.align_corners)


def sequential(chain: ours.Chain, shape: tuple[int, ...]) -> tuple[nn.Sequential, tuple[int, ...]]:
    """The twin of a chain for inputs (H, W, C), and the shape of its output; a flattened map keeps its (H, W, C)."""
    modules: list[nn.Module] = []
    for layer in chain.layers.values():
        module, shape = twin(layer, shape)
        modules.append(module)
    return nn.Sequential(*modules), shape


def twin(layer: ours.Layer, shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
    """One layer's twin, and the shape of its output."""
    if isinstance(layer, ours.SpatialTransformer):
        return Transformer(layer, shape), (*(layer.shape or shape[:2]), shape[2])
    if isinstance(layer, ours.Conv2d):
        side = [(length + 2 * layer.padding - layer.size) // layer.stride + 1 for length in shape[:2]]
        return convolution(layer, shape[2]), (*side, layer.filters)
    if isinstance(layer, ours.MaxPool | ours.AvgPool):
        kind = nn.MaxPool2d if isinstance(layer, ours.MaxPool) else nn.AvgPool2d
        return kind(layer.size), (shape[0] // layer.size, shape[1] // layer.size, shape[2])
    if isinstance(layer, ours.Dense):
        return dense(layer, shape), (layer.units,)
    return {"ReLU": nn.ReLU, "Flatten": nn.Flatten}[type(layer).__name__](), shape


def convolution(layer: ours.Conv2d, channels: int) -> nn.Conv2d:
    module = nn.Conv2d(channels, layer.filters, layer.size, layer.stride, layer.padding)
    return _filled(module, layer.params["weight"].transpose(3, 2, 0, 1), layer.params["bias"])


def dense(layer: ours.Dense, shape: tuple[int, ...]) -> nn.Linear:
    """Its rows reordered where a map of (H, W, C) was flattened: torch flattens (C, H, W)."""
    weight = layer.params["weight"]
    if len(shape) == 3:
        weight = weight.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
    return _filled(nn.Linear(*weight.shape), weight.T, layer.params["bias"])


def _filled(module: Any, weight: np.ndarray, bias: np.ndarray) -> Any:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        module.bias.copy_(torch.from_numpy(bias.copy()))
    return module
