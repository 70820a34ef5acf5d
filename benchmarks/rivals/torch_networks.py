"""PyTorch: the same networks, with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.networks import problem as network_problem
from benchmarks.networks.problem import NetworkProblem
from stn_numba import nn as ours

LIBRARY, PACKAGE = "torch", "torch"


def calls(problem: Any) -> list[Call]:
    if not isinstance(problem, NetworkProblem):
        return []
    torch.set_num_threads(stn.get_num_threads())
    network, images = convert_chain(problem.model.network, problem.model.input_shape)[0], _images(problem)
    if problem.task != network_problem.INFERENCE:
        train = _training(network.train(), images, _labels(problem.targets))
        return [Call("torch", train, network_problem.read_loss, network_problem.TOLERANCE, network_problem.STEPS)]
    network.eval()

    def infer() -> Any:
        with torch.inference_mode():
            return network(images)

    return [Call("torch", infer, _read_outputs, network_problem.TOLERANCE)]


def _images(problem: NetworkProblem) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(problem.images.transpose(0, 3, 1, 2)))


def _labels(targets: Any) -> Any:
    if isinstance(targets, dict):
        return {name: _labels(labels) for name, labels in targets.items()}
    return torch.from_numpy(targets.astype(np.int64))


def _read_outputs(outputs: Any) -> list[np.ndarray]:
    return [output.numpy() for output in network_problem.read_outputs(outputs)]


def _loss(outputs: Any, labels: Any) -> torch.Tensor:
    """Return the mean cross entropy, or the sum of those of the heads."""
    if isinstance(outputs, dict):
        return sum(_loss(output, labels[name]) for name, output in outputs.items())
    return nn.functional.cross_entropy(outputs, labels)


def _training(network: nn.Module, images: torch.Tensor, labels: Any) -> Any:
    """Return a function that trains as fast as torch offers it, with fused Adam and gradients set to None."""
    optimizer = torch.optim.Adam(network.parameters(), lr=network_problem.LEARNING_RATE, fused=True)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = _loss(network(images), labels)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return lambda: sum(step() for _ in range(network_problem.STEPS)) / network_problem.STEPS


class SpatialTransformer(nn.Module):
    """Localisation network, affine grid, sampler."""

    def __init__(self, layer: ours.SpatialTransformer, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.localisation, features = convert_chain(layer.localisation, shape)
        self.theta = _dense(layer.theta_layer, features)
        self.shape, self.padding, self.align_corners = layer.shape, layer.padding, layer.align_corners

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        theta = self.theta(self.localisation(x)).view(-1, 2, 3)
        size = [len(x), x.shape[1], *(self.shape or x.shape[2:])]
        grid = nn.functional.affine_grid(theta, size, align_corners=self.align_corners)
        return nn.functional.grid_sample(x, grid, padding_mode=self.padding, align_corners=self.align_corners)


class Heads(nn.Module):
    """Networks that get the same features; their outputs by name."""

    def __init__(self, layer: ours.Heads, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({name: _convert_layer(head, shape)[0] for name, head in layer.layers.items()})

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: head(x) for name, head in self.heads.items()}


def convert_chain(chain: ours.Chain, shape: tuple[int, ...]) -> tuple[nn.Sequential, tuple[int, ...]]:
    """Return a chain for inputs (H, W, C) as a torch module, and the shape of its output; `Flatten` keeps (H, W, C)."""
    modules: list[nn.Module] = []
    for layer in chain.layers.values():
        module, shape = _convert_layer(layer, shape)
        modules.append(module)
    return nn.Sequential(*modules), shape


def _convert_layer(layer: ours.Layer, shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
    if isinstance(layer, ours.Chain):
        return convert_chain(layer, shape)
    if isinstance(layer, ours.Heads):
        return Heads(layer, shape), ()
    if isinstance(layer, ours.SpatialTransformer):
        return SpatialTransformer(layer, shape), (*(layer.shape or shape[:2]), shape[2])
    if isinstance(layer, ours.Conv2d):
        return _convolution(layer, shape[2]), layer.out_shape(shape)
    if isinstance(layer, ours.MaxPool | ours.AvgPool):
        kind = nn.MaxPool2d if isinstance(layer, ours.MaxPool) else nn.AvgPool2d
        return kind(layer.size, layer.stride, layer.padding), layer.out_shape(shape)
    if isinstance(layer, ours.Dense):
        return _dense(layer, shape), (layer.units,)
    if isinstance(layer, ours.BatchNorm):
        return _batch_norm(layer), shape
    return {"ReLU": nn.ReLU, "Flatten": nn.Flatten}[type(layer).__name__](), shape


def _batch_norm(layer: ours.BatchNorm) -> nn.BatchNorm2d:
    module = nn.BatchNorm2d(len(layer.params["scale"]), layer.epsilon, 1 - layer.momentum)
    with torch.no_grad():
        module.running_mean.copy_(torch.from_numpy(layer.state["mean"]))
        module.running_var.copy_(torch.from_numpy(layer.state["variance"]))
    return _with_parameters(module, layer.params["scale"], layer.params["shift"])


def _convolution(layer: ours.Conv2d, channels: int) -> nn.Conv2d:
    module = nn.Conv2d(channels, layer.filters, layer.kernel_size, layer.stride, layer.padding)
    return _with_parameters(module, layer.params["weight"].transpose(3, 2, 0, 1), layer.params["bias"])


def _dense(layer: ours.Dense, shape: tuple[int, ...]) -> nn.Linear:
    """Convert a dense layer; behind `Flatten` its rows are reordered, because torch flattens (C, H, W)."""
    weight = layer.params["weight"]
    if len(shape) == 3:
        weight = weight.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
    return _with_parameters(nn.Linear(*weight.shape), weight.T, layer.params["bias"])


def _with_parameters(module: Any, weight: np.ndarray, bias: np.ndarray) -> Any:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        module.bias.copy_(torch.from_numpy(bias.copy()))
    return module
