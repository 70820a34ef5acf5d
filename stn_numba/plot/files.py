"""Figures as files that are whole or absent."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from stn_numba._util.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["write_figure"]


def write_figure(axes: Axes, path: str | os.PathLike[str], *, dpi: int = 150) -> None:
    """Write the figure that holds `axes` to a file, whose ending tells the format: all or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = axes.get_figure(root=True)
    assert figure is not None
    content = io.BytesIO()
    figure.savefig(content, dpi=dpi, format=path.suffix.removeprefix(".") or "png")
    write_atomically(path, content.getvalue())
