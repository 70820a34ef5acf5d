"""Export models to ONNX files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from stn_numba._util.arguments import as_bool, as_option, as_path
from stn_numba._util.files import check_output_path, write_atomically
from stn_numba.nn.layers import SpatialTransformer
from stn_numba.nn.model import Classifier, Model, MultiHead
from stn_numba.nn.model.find_transformers import named_transformers
from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.file import Port, in_layout, onnx_library, serialized
from stn_numba.onnx.layers import EXPORTERS
from stn_numba.onnx.network_graph import NetworkGraph
from stn_numba.onnx.spatial_transformer import spatial_transformer

__all__ = ["export_onnx"]

_IMAGE = "image"


def export_onnx(
    model: Model,
    path: str | os.PathLike[str],
    *,
    layout: str = "NHWC",
    probabilities: bool = False,
    theta: bool = True,
    transformed: bool = False,
) -> None:
    """Write a model as an ONNX file, which other programs run without this library.

    The file computes what the model does in prediction, in float32, for batches of any size. It holds operators of ONNX alone
    (opset 20). Transforms of any plugin are recorded from their own NumPy code.

    The input is ``image``. The outputs are ``logits`` of a `Classifier`, ``outputs`` of a `Regressor` or `Model`, and those of
    a `MultiHead` by the names of its heads. Metadata hold the classes, the range of pixels in training, and the transforms with
    their conventions, as JSON.

    Parameters
    ----------
    model : Model
        Parameters of float64 are rounded.
    path : path
        The file to write; an old one stays until the new one is complete.
    layout : {"NHWC", "NCHW"}, default "NHWC"
        Order of the axes of ``image``: (batch, H, W, C), as in this library, or (batch, C, H, W).
    probabilities : bool, default False
        Whether to add an output ``probabilities``, of a `Classifier`.
    theta : bool, default True
        Whether to add an output with the parameters that the spatial transformer chooses: ``theta``, or ``theta1``, ``theta2``
        and so on in the order of ``model.transformers`` if there are several.
    transformed : bool, default False
        Whether to add an output with what the spatial transformers sample: ``transformed``, or ``transformed1``,
        ``transformed2`` and so on. Its axes are in the order of those of ``image``.

    Raises
    ------
    ImportError
        If onnx is not installed.
    FileNotFoundError, IsADirectoryError
        If the folder does not exist, or the path is one.
    TypeError
        If the model is no `Model`, or an option has the wrong type.
    ValueError
        If an option does not fit the model.
    ExportError
        If a layer or a transform cannot be exported. It is a ValueError that names the layer and says why.

    Notes
    -----
    A layer of your own can be exported if its class has a method ``export_onnx(graph, x)``. It gets a
    `stn_numba.onnx.network_graph.NetworkGraph` and the name of its input, and returns the name of its output.

    Examples
    --------
    >>> import tempfile
    >>> from stn_numba.models import st_fcn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(st_fcn(transform="tps"), f"{folder}/model.onnx")
    ...     os.path.getsize(f"{folder}/model.onnx") > 100_000
    True
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a Model, got {type(model).__name__}")
    if len(model.input_shape) != 3:
        raise ExportError(f"model: expected one of images (H, W, C); models of volumes {model.input_shape} cannot be exported")
    target, layout = check_output_path(as_path(path, "path")), as_option(layout, "layout", ("NHWC", "NCHW"))
    probabilities, theta = as_bool(probabilities, "probabilities"), as_bool(theta, "theta")
    transformed = as_bool(transformed, "transformed")
    if probabilities and not isinstance(model, Classifier):
        raise ValueError(f"probabilities: expected False for a {type(model).__name__}: only a Classifier has them")
    onnx_library()  # says first what is not installed
    thetas = _numbered(model, "theta") if theta else {}
    views = _numbered(model, "transformed") if transformed else {}
    _expect_distinct_names(model, thetas, "theta")
    _expect_distinct_names(model, views, "transformed")
    write_atomically(target, _content(model, layout, probabilities, thetas, views))


def _content(
    model: Model, layout: str, probabilities: bool, thetas: dict[str, SpatialTransformer], views: dict[str, SpatialTransformer]
) -> bytes:
    graph = NetworkGraph({**EXPORTERS, SpatialTransformer: spatial_transformer})
    graph.reserve([_IMAGE, "probabilities", *_output_names(model), *thetas, *views])
    image = Port(_IMAGE, in_layout(model.input_shape, layout), _IMAGE)
    x = graph.passed_on(_IMAGE if layout == "NHWC" else graph.channels_last(_IMAGE), model.input_shape)
    y = graph.layer(model.network, x, "")
    outputs = list(_outputs(graph, model, y))
    if probabilities:
        assert isinstance(model, Classifier)
        shares = graph.node("Sigmoid", y) if model.multi_label else graph.node("Softmax", y, axis=1)
        outputs.append(Port("probabilities", model.output_shape, shares))
    for name, layer in thetas.items():
        outputs.append(Port(name, (layer.transform.n_params,), graph.thetas[id(layer)]))
    for name, layer in views.items():
        outputs.append(_view(graph, name, graph.transformed[id(layer)], layout))
    return serialized(graph, [image], outputs, _metadata(model, layout, thetas), _description(model, image, outputs))


def _view(graph: NetworkGraph, name: str, value: str, layout: str) -> Port:
    """Return the output with what a transformer samples."""
    return Port(name, in_layout(graph.size_of(value), layout), value if layout == "NHWC" else graph.channels_first(value))


def _outputs(graph: NetworkGraph, model: Model, y: str) -> Iterator[Port]:
    """Yield the outputs of the network, by head if there are several."""
    if isinstance(model, MultiHead):
        for name, value in graph.heads[id(model.heads)].items():
            yield Port(name, graph.size_of(value), value)
    else:
        yield Port(_output_names(model)[0], model.output_shape, y)


def _output_names(model: Model) -> list[str]:
    if isinstance(model, MultiHead):
        return list(model.heads.sizes)
    return ["logits" if isinstance(model, Classifier) else "outputs"]


def _numbered(model: Model, output: str) -> dict[str, SpatialTransformer]:
    """Return the transformers by the names of the outputs that tell about them."""
    layers = model.transformers
    return {output if len(layers) == 1 else f"{output}{place}": layer for place, layer in enumerate(layers, 1)}


def _expect_distinct_names(model: Model, outputs: Iterable[str], option: str) -> None:
    """Reject heads whose names are those of the input or of the outputs that an option adds."""
    for name in _output_names(model):
        if name == _IMAGE:
            raise ValueError(f"model: expected heads of other names than {_IMAGE!r}, which is the input")
        if name in outputs:
            raise ValueError(f"{option}: expected False for a model with a head {name!r}, the name of this output")


def _metadata(model: Model, layout: str, thetas: dict[str, SpatialTransformer]) -> dict[str, str]:
    names = {id(layer): name for name, layer in named_transformers(model.network)}
    described = {
        output: {
            "layer": names[id(layer)],
            "transform": layer.transform_label,
            "kernel": layer.kernel if isinstance(layer.kernel, str) else repr(layer.kernel),
            "padding": layer.padding,
            "align_corners": layer.align_corners,
        }
        for output, layer in thetas.items()
    }
    texts: dict[str, Any] = {"model": type(model).__name__, "layout": layout, "transformers": described}
    if isinstance(model, Classifier) and model.classes is not None:
        texts["classes"] = list(model.classes)
    if model.pixels is not None:
        texts["pixels"] = asdict(model.pixels)
    return {name: text if isinstance(text, str) else json.dumps(text) for name, text in texts.items()}


def _description(model: Model, image: Port, outputs: list[Port]) -> str:
    text = f"{type(model).__name__} of stn-numba. Input: {image}, float32"
    if model.pixels is not None:
        text += f", trained on {model.pixels}"
    return f"{text}. Outputs: {', '.join(map(str, outputs))}."
