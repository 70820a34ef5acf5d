"""Graphs as ONNX files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stn_numba.nn.arrays import Size
from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.graph import Graph, Node

__all__ = ["OPSET", "Port", "in_layout", "onnx_library", "serialized"]

OPSET = 20  # the first with AffineGrid
_IR_VERSION = 9  # of the files in which opset 20 came
_MOST_BYTES = (1 << 31) - (1 << 20)  # of a protobuf message


class Port(NamedTuple):
    """An input or an output of a model: its public name, its shape without the batch axis, and the value in the graph."""

    name: str
    shape: Size
    value: str

    def __str__(self) -> str:
        return f"{self.name} (batch, {', '.join(map(str, self.shape))})"


def in_layout(size: Size, layout: str) -> Size:
    """Return a size (H, W, C) in the order of the axes of a layout; (D,) as it is."""
    return size if layout == "NHWC" else (size[-1], *size[:-1])


def onnx_library() -> Any:
    """Return the package onnx."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError('exporting to ONNX needs onnx: pip install "stn-numba[onnx]"') from error
    return onnx


def serialized(
    graph: Graph, inputs: Sequence[Port], outputs: Sequence[Port], texts: Mapping[str, str], description: str
) -> bytes:
    """Return the content of an ONNX file, after ONNX's own checks.

    Parameters
    ----------
    graph : Graph
        Nodes that no output needs are left out.
    inputs, outputs : sequence of Port
        The inputs and the outputs.
    texts : dict of str
        Metadata.
    description : str
        What the model is, for people.
    """
    onnx = onnx_library()
    nodes = [*_needed(graph, {port.value for port in outputs})]
    nodes = _renamed(nodes, outputs)
    used = {name for node in nodes for name in node.inputs}
    constants = {name: array for name, array in graph.constants.items() if name in used}
    if sum(array.nbytes for array in constants.values()) > _MOST_BYTES:
        raise ExportError("model: expected less than 2 GB of parameters, the most that an ONNX file holds")
    helper = onnx.helper
    proto = helper.make_graph(
        [helper.make_node(node.operator, node.inputs, [node.output], name=node.output, **node.attributes) for node in nodes],
        "network",
        [_info(onnx, port) for port in inputs],
        [_info(onnx, port) for port in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="stn-numba",
        producer_version=sys.modules["stn_numba"].__version__,
        doc_string=description,
    )
    helper.set_model_props(model, dict(texts))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def _needed(graph: Graph, wanted: set[str]) -> list[Node]:
    """Return the nodes that some values depend on, in order."""
    found = []
    for node in reversed(graph.nodes):
        if node.output in wanted:
            wanted = wanted | set(node.inputs)
            found.append(node)
    return found[::-1]


def _renamed(nodes: list[Node], outputs: Sequence[Port]) -> list[Node]:
    """Return nodes that write outputs under their public names; a value that is two outputs is copied."""
    made = {node.output for node in nodes}
    public: dict[str, str] = {}
    copies = []
    for port in outputs:
        if port.value in made and port.value not in public:
            public[port.value] = port.name
        else:
            copies.append(Node("Identity", (port.value,), port.name, {}))
    return [
        node._replace(inputs=tuple(public.get(name, name) for name in node.inputs), output=public.get(node.output, node.output))
        for node in [*nodes, *copies]
    ]


def _info(onnx: Any, port: Port) -> Any:
    return onnx.helper.make_tensor_value_info(port.name, onnx.TensorProto.FLOAT, ["batch", *port.shape])
