"""A network as a table of its layers."""

from __future__ import annotations

from stn_numba._util.html import table
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import Container
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer

__all__ = ["as_html", "as_table"]

Row = tuple[str, str, str, str]

_HEADINGS = ("layer", "kind", "output", "parameters")
_MAX_WIDTH = 60  # characters of a layer's description


def as_table(network: Container) -> str:
    """Return a line for each layer: dotted name, class and options, output shape without the batch axis, parameters.

    Examples
    --------
    >>> from stn_numba.models import fcn
    >>> print(as_table(fcn((8, 8, 1), 3, units=4, center=False).network))
    layer     kind            output  parameters
    flatten1  Flatten()        (64,)           0
    dense1    Dense(units=4)    (4,)         260
    relu1     ReLU()            (4,)           0
    dense2    Dense(units=4)    (4,)          20
    relu2     ReLU()            (4,)           0
    dense3    Dense(units=3)    (3,)          15
    """
    rows: list[Row] = [_HEADINGS, *_rows(network, "")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{name:{widths[0]}}  {kind:{widths[1]}}  {out:>{widths[2]}}  {n:>{widths[3]}}" for name, kind, out, n in rows]
    return "\n".join(line.rstrip() for line in lines)


def as_html(network: Container, title: str) -> str:
    """Return the same table as HTML."""
    return table(_HEADINGS, _rows(network, ""), title=title, right=(2, 3))


def _rows(container: Container, prefix: str) -> list[Row]:
    """Return the rows of the layers inside: those of a container follow its own, which counts none of their parameters."""
    rows: list[Row] = []
    for name, layer in container.layers.items():
        shape = container.output_shape_of(name)
        size = "?" if shape is None else str(tuple(map(int, shape)))
        if isinstance(layer, Container):
            rows += [(prefix + name, _kind(layer), size, ""), *_rows(layer, f"{prefix}{name}.")]
        else:
            count = sum(array.size for array in layer.params.values())
            rows.append((prefix + name, _kind(layer), size, f"{count:,}"))
    return rows


def _kind(layer: Layer) -> str:
    if isinstance(layer, SpatialTransformer):
        return f"SpatialTransformer, {layer.transform_label}"
    text = type(layer).__name__ if isinstance(layer, Container) else " ".join(repr(layer).split())
    return text if len(text) <= _MAX_WIDTH else text[: _MAX_WIDTH - 3] + "..."
