"""onnxruntime: the operators AffineGrid and GridSample as a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from benchmarks import threads
from benchmarks.contestant import Contestant
from benchmarks.problem import Problem

OPSET = 20  # the first with AffineGrid


def contestants(problem: Problem) -> list[Contestant]:
    return [Contestant("onnxruntime", _solver(problem), lambda answer: [answer[0].transpose(0, 2, 3, 1)])]


def _solver(problem: Problem) -> Callable[[], list[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads.wanted()
    session = onnxruntime.InferenceSession(_model(problem), options, providers=["CPUExecutionProvider"])
    image = np.ascontiguousarray(problem.image.transpose(0, 3, 1, 2))
    feed = {"image": image, "positions" if problem.dense else "theta": _given(problem)}
    if not problem.dense:
        feed["size"] = np.array([*image.shape[:2], *problem.shape], np.int64)
    return lambda: session.run(None, feed)


def _given(problem: Problem) -> Any:
    return problem.positions if problem.dense else problem.theta.reshape(-1, 2, 3)


def _model(problem: Problem) -> bytes:
    floats, inputs = TensorProto.FLOAT, [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None] * 4)]
    nodes = []
    if problem.dense:
        inputs += [helper.make_tensor_value_info("positions", floats, [None] * 4)]
    else:
        inputs += [helper.make_tensor_value_info("theta", floats, [None, 2, 3])]
        inputs += [helper.make_tensor_value_info("size", TensorProto.INT64, [4])]
        nodes += [helper.make_node("AffineGrid", ["theta", "size"], ["positions"], align_corners=1)]
    mode = "linear" if problem.kernel == "bilinear" else "cubic"
    nodes += [helper.make_node("GridSample", ["image", "positions"], ["out"], mode=mode, align_corners=1)]
    graph = helper.make_graph(nodes, "warp", inputs, [helper.make_tensor_value_info("out", floats, [None] * 4)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return model.SerializeToString()
