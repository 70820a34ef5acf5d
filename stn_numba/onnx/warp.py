"""Export a transform and the sampler alone, with theta as an input."""

from __future__ import annotations

import os

from stn_numba._util.arguments import as_bool, as_option, as_path, as_sizes
from stn_numba._util.files import check_output_path, write_atomically
from stn_numba.grid import Shape
from stn_numba.nn.engine.sampling import Sampling
from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.file import Port, in_layout, onnx_library, serialized
from stn_numba.onnx.graph import Graph
from stn_numba.onnx.grids.dispatch import grid_of
from stn_numba.onnx.sampling import sampled
from stn_numba.sampler.interpolation import PiecewisePolynomial, kernel_rule
from stn_numba.sampler.padding import PADDINGS
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, n_params_of, transform_for_image

__all__ = ["export_warp"]


def export_warp(
    path: str | os.PathLike[str],
    input_shape: tuple[int, int, int],
    transform: str | Transform = "affine",
    shape: Shape | None = None,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
    align_corners: bool = True,
    layout: str = "NHWC",
) -> None:
    """Write `stn_numba.warp` as an ONNX file, for one transform and images of one size.

    The inputs are ``image`` and ``theta`` (batch, P), the output is ``out``, in float32, for batches of any size. Limits are
    those of `export_onnx`.

    Parameters
    ----------
    path : path
        The file to write; an old one stays until the new one is complete.
    input_shape : (int, int, int)
        (H, W, C) of the images.
    transform, shape, kernel, align_corners
        As for `stn_numba.warp`.
    padding : str, default "zeros"
        What is outside the image, as for `stn_numba.sample`; ``"constant"`` reads 0 there.
    layout : {"NHWC", "NCHW"}, default "NHWC"
        Order of the axes of ``image`` and ``out``.

    Raises
    ------
    ImportError
        If onnx is not installed.
    FileNotFoundError, IsADirectoryError
        If the folder does not exist, or the path is one.
    TypeError, ValueError
        If an option does not fit.
    ExportError
        If the transform cannot be exported. It is a ValueError that says why.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_warp(f"{folder}/warp.onnx", (64, 64, 3), "projective")
    ...     os.path.getsize(f"{folder}/warp.onnx") > 500
    True
    """
    target, layout = check_output_path(as_path(path, "path")), as_option(layout, "layout", ("NHWC", "NCHW"))
    H, W, C = as_sizes(input_shape, "input_shape", ("H", "W", "C"))
    h, w = (H, W) if shape is None else as_sizes(shape, "shape", ("h", "w"))
    align_corners = as_bool(align_corners, "align_corners")
    kernel_rule(kernel)  # refuses what is none
    sampling = Sampling(kernel, as_option(padding, "padding", PADDINGS))
    transform = as_transform(transform)
    if transform.ndim != 2:
        raise ExportError(f"transform: expected one of images, got {transform!r}; warps of volumes cannot be exported")
    onnx_library()  # says first what is not installed
    transform = transform_for_image(transform, (H, W), align_corners)
    graph = Graph()
    graph.reserve(["image", "theta", "out"])
    image = "image" if layout == "NCHW" else graph.channels_first("image")
    out = sampled(graph, image, (H, W), grid_of(graph, transform, "theta", (h, w), align_corners), sampling, align_corners)
    inputs = [Port("image", in_layout((H, W, C), layout), "image"), Port("theta", (n_params_of(transform),), "theta")]
    output = Port("out", in_layout((h, w, C), layout), graph.channels_last(out) if layout == "NHWC" else out)
    write_atomically(target, serialized(graph, inputs, [output], {"layout": layout}, _description(transform, inputs, output)))


def _description(transform: Transform, inputs: list[Port], output: Port) -> str:
    return f"Warp by {transform!r} of stn-numba. Inputs: {', '.join(map(str, inputs))}, float32. Output: {output}."
