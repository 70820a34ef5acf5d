"""onnxruntime: our own networks, as `stn_numba.export_onnx` writes them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnxruntime

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.networks import problem as network_problem
from benchmarks.networks.problem import NetworkProblem

LIBRARY, PACKAGE = "onnxruntime", "onnxruntime"


def calls(problem: Any) -> list[Call]:
    if not isinstance(problem, NetworkProblem) or problem.task != network_problem.INFERENCE:
        return []
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = stn.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        stn.export_onnx(problem.model, path, theta=False)
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    feed = {"image": problem.images}
    return [Call("onnxruntime", lambda: session.run(None, feed), list, network_problem.TOLERANCE)]
