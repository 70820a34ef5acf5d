"""TC: translated digits with clutter."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from stn_numba._util.arrays import as_array
from stn_numba.data.distortions.similarity import Translation
from stn_numba.grid import Floats

__all__ = ["Clutter"]


class Clutter(Translation):
    """TC: placed at random on a 60 x 60 canvas, with six pieces of other digits at random places.

    The pieces are 6 x 6 pixels, cut at random from the other images of the batch; many are empty. Overlapping pixels are added
    and clipped to 1. A batch needs at least two images.
    """

    name = "TC"
    pieces: ClassVar[int] = 6
    side: ClassVar[int] = 6

    def __call__(self, images: Floats, rng: np.random.Generator) -> Floats:
        """Distort as `Distortion.__call__` does; raise ValueError if there is only one image."""
        if as_array(images, "images").shape[:1] == (1,):
            raise ValueError("images: expected at least 2, to cut clutter from the others, got 1")
        return self._clutter(super().__call__(images, rng), images, rng)

    def _clutter(self, out: Floats, images: Floats, rng: np.random.Generator) -> Floats:
        """Add the pieces to `out` in place."""
        n = len(out)
        frame = (self.side, self.side)
        sources = sliding_window_view(images[..., 0], frame, axis=(1, 2))
        targets = sliding_window_view(out[..., 0], frame, axis=(1, 2), writeable=True)
        others = (np.arange(n) + rng.integers(1, max(n, 2), (self.pieces, n))) % max(n, 1)
        cuts = rng.integers(0, sources.shape[1:3], (self.pieces, n, 2))
        places = rng.integers(0, targets.shape[1:3], (self.pieces, n, 2))
        # One piece of every image at a time, since the pieces of one image may overlap.
        for other, cut, place in zip(others, cuts, places, strict=True):
            targets[np.arange(n), place[:, 0], place[:, 1]] += sources[other, cut[:, 0], cut[:, 1]]
        return np.minimum(out, 1, out=out)
