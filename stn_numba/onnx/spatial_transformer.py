"""Operators of ONNX for spatial transformers: localisation network, theta, grid, sampler."""

from __future__ import annotations

from stn_numba.nn.layers import SpatialTransformer
from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.grids.dispatch import grid_of
from stn_numba.onnx.layers import dense
from stn_numba.onnx.network_graph import NetworkGraph
from stn_numba.onnx.sampling import sampled

__all__ = ["spatial_transformer"]


def spatial_transformer(graph: NetworkGraph, layer: SpatialTransformer, x: str) -> str:
    """Add a spatial transformer, and note the names of its theta and of its output."""
    if layer.antialias:
        raise graph.refusal(layer, "antialias=True chooses the number of samples by the grid, for which ONNX has no operator")
    H, W, C = graph.size_of(x)
    features = graph.layer(layer.localisation, x, "localisation")
    with graph.inside("localisation.theta"):
        theta = graph.thetas[id(layer)] = dense(graph, layer.theta_layer, features)
    try:
        grid = grid_of(graph, layer.transform, theta, layer.shape or (H, W), layer.align_corners)
    except ExportError as error:
        raise graph.refusal(layer, f"transform {layer.transform_label}: {error}") from error
    image = graph.channels_first(x)
    out = sampled(graph, image, (H, W), grid, layer.sampling, layer.align_corners)
    y = graph.transformed[id(layer)] = graph.passed_on(graph.channels_last(out), (*(layer.shape or (H, W)), C))
    return y
