"""onnxruntime: a model of the operators AffineGrid and GridSample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.warp_problem import WarpProblem

LIBRARY, PACKAGE = "onnxruntime", "onnxruntime"

OPSET = 20  # the first with AffineGrid
MOST_PIXELS = 8_000_000  # it is slow: larger images would take a second


def calls(problem: Any) -> list[Call]:
    if not isinstance(problem, WarpProblem) or not problem.plain or not (problem.affine or problem.dense_grid):
        return []
    if problem.image.size // problem.n_channels > MOST_PIXELS:
        return []
    return [Call("onnxruntime", _solver(problem), lambda answer: [answer[0].transpose(0, 2, 3, 1)])]


def _solver(problem: WarpProblem) -> Callable[[], list[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = stn.get_num_threads()
    session = onnxruntime.InferenceSession(_model(problem), options, providers=["CPUExecutionProvider"])
    feed = {"image": np.ascontiguousarray(problem.image.transpose(0, 3, 1, 2))}
    if problem.dense_grid:
        feed["grid"] = problem.grid
    else:
        feed["theta"] = problem.theta.reshape(-1, 2, 3)
        feed["size"] = np.array([*feed["image"].shape[:2], *problem.shape], np.int64)
    return lambda: session.run(None, feed)


def _model(problem: WarpProblem) -> bytes:
    floats, inputs, nodes = TensorProto.FLOAT, [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None] * 4)], []
    if problem.dense_grid:
        inputs += [helper.make_tensor_value_info("grid", floats, [None] * 4)]
    else:
        inputs += [helper.make_tensor_value_info("theta", floats, [None, 2, 3])]
        inputs += [helper.make_tensor_value_info("size", TensorProto.INT64, [4])]
        nodes += [helper.make_node("AffineGrid", ["theta", "size"], ["grid"], align_corners=1)]
    nodes += [helper.make_node("GridSample", ["image", "grid"], ["out"], mode="linear", align_corners=1)]
    graph = helper.make_graph(nodes, "warp", inputs, [helper.make_tensor_value_info("out", floats, [None] * 4)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return model.SerializeToString()
