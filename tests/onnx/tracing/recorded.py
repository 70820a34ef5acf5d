"""Record functions of theta (N, P) and points (M, 2), and run what was recorded."""

import numpy as np

from stn_numba.onnx.file import Port, serialized
from stn_numba.onnx.graph import Graph
from stn_numba.onnx.grids.assemble import as_maps
from stn_numba.onnx.grids.recorded import fixed_points
from stn_numba.onnx.tracing.symbols import Symbol
from stn_numba.onnx.tracing.tracer import as_array_of, traced
from tests.onnx.running import onnxruntime

SAMPLES = np.random.default_rng(0).normal((0.2, -0.1), 0.7, (12, 2))
POINTS = np.stack([np.linspace(-1.1, 1.2, 7), np.linspace(0.9, -1, 7)], axis=1)


def check_recorded(function, *, samples=SAMPLES, tolerance=1e-5):
    """Compare ``function(theta, points) -> (N, M)`` of numbers with what is recorded of it; return the graph."""
    graph = Graph()
    row = [Symbol(samples[:, k : k + 1], graph.node("Gather", "image", [k], axis=1)) for k in range(samples.shape[1])]
    points = fixed_points(POINTS)
    with np.errstate(all="ignore"):
        expected = np.asarray(function(samples, POINTS), np.float64)

    def shaped():
        return function(as_array_of(row), as_array_of(points.symbols))

    symbols = traced(graph, shaped, (1, 1), expected[..., None])
    value = as_maps(graph, "image", symbols, (1, len(POINTS)))
    ports = [Port("image", (samples.shape[1],), "image")], [Port("y", (1, len(POINTS), 1), value)]
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(serialized(graph, *ports, {}, ""), settings, providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": samples.astype(np.float32)})[0][:, 0, :, 0]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    return graph
