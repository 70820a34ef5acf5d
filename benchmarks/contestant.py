"""Whoever solves a problem: this library, or one that users have now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.problem import Array


@dataclass(frozen=True)
class Contestant:
    """A call to be timed, and how to read its answer.

    Attributes
    ----------
    name
        "library" or "library, variant"; requirements name the library and hold for its best variant.
    run
        What is timed. Data in the library's own layout and type are made ready before.
    read
        Turns what `run` returns into arrays as this library would return them: out, then the gradients asked for.
    tolerance
        Greatest difference from our answer, as a part of the answer's greatest value. float32 positions are good to a few
        ten-thousandths of a pixel in an image of thousands, and noise differs by 1 from pixel to pixel.
    """

    name: str
    run: Callable[[], Any]
    read: Callable[[Any], list[Array]]
    tolerance: float = 1e-3

    @property
    def library(self) -> str:
        return self.name.split(",")[0]
