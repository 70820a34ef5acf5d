"""Positions that a transform maps, and those that it maps them to."""

from __future__ import annotations

from typing import NamedTuple

from stn_numba.grid import Shape

__all__ = ["GraphGrid", "Places"]


class Places(NamedTuple):
    """The positions of the output's pixels, or positions that another transform has made of them.

    Attributes
    ----------
    shape : (int, int)
        (h, w) of the output.
    align_corners : bool
        Convention of the positions.
    moving : str, default ""
        Name of positions (N, h, w, 2) that differ from image to image; "" for those of the output's pixels.
    finite : bool, default True
        Whether none of them is NaN or infinite, for finite parameters.
    """

    shape: Shape
    align_corners: bool
    moving: str = ""
    finite: bool = True

    @property
    def total(self) -> int:
        """How many there are."""
        return self.shape[0] * self.shape[1]


class GraphGrid(NamedTuple):
    """A sampling grid in the graph.

    Attributes
    ----------
    values : str
        Name of normalized positions (N, h, w, 2), last axis (x, y).
    shape : (int, int)
        (h, w).
    finite : bool
        Whether no position is NaN or infinite, for finite parameters.
    """

    values: str
    shape: Shape
    finite: bool
