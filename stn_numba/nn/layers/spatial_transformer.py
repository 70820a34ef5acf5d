"""The spatial transformer as a layer: localisation network, transform, sampler (figure 2 of arXiv 1506.02025)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from stn_numba._util.arguments import as_bool, as_option, as_size
from stn_numba.grid import as_floats, base_points
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size
from stn_numba.nn.engine.sampling import sample_parts
from stn_numba.nn.layers.base import Layer, expect_shape
from stn_numba.nn.layers.chain import Chain, in_turn
from stn_numba.nn.layers.container import Container, expect_layer
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.fusion import FusedSegment
from stn_numba.sampler.padding import PADDINGS
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, identity_of, make_grid, n_params_of

__all__ = ["SpatialTransformer"]

_PROBE = base_points((7, 7))  # enough points to tell whether a region still touches the image


class SpatialTransformer(Container):
    """Look at the image, choose transform parameters, read the image there.

    A dense layer named ``theta``, with zero weights and `initial` as its bias, is put behind the localisation network: training
    starts from the undistorted image, or from the same part of every image.

    Parameters
    ----------
    localisation
        A layer that maps an image (N, H, W, C) to features (N, D).
    transform
        A registered name, or a `Transform`; only a model with names can be saved.
    shape
        (h, w) of the output; by default that of the input.
    options
        Options of a transform given by name.
    initial
        Parameters (P,) to start from, by default the identity. Where what matters is much smaller than the image, a smaller
        region in the middle is the better start: training moves a region more readily than it shrinks it.
    padding, align_corners
        As for `stn_numba.sample`.

    Raises
    ------
    TypeError, ValueError
        If the localisation network is no layer, or an option does not fit.

    Examples
    --------
    >>> from stn_numba.nn import Flatten
    >>> layer = SpatialTransformer(Flatten(), "affine")
    >>> layer.initialize((8, 8, 1), np.random.default_rng(0))
    (8, 8, 1)
    >>> x = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    >>> np.array_equal(layer.forward(x)[0], x)
    True
    """

    def __init__(
        self,
        localisation: Layer,
        transform: str | Transform = "affine",
        shape: tuple[int, int] | None = None,
        *,
        options: dict[str, Any] | None = None,
        initial: ArrayLike | None = None,
        padding: str = "zeros",
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        self.localisation = expect_layer(localisation, "localisation")
        self.transform_name = transform if isinstance(transform, str) else None
        self.options = dict(options or {})
        self.transform = as_transform(transform, self.options)
        self.shape = None if shape is None else as_size(shape, "shape")
        self.padding, self.align_corners = as_option(padding, "padding", PADDINGS), as_bool(align_corners, "align_corners")
        self.theta_layer = Dense(n_params_of(self.transform))
        self.layers = {"localisation": self.localisation, "localisation.theta": self.theta_layer}
        self.initial = None if initial is None else as_floats(initial, "initial", (self.theta_layer.units,))

    @property
    def _segments(self) -> list[FusedSegment]:
        """What leads to theta; the layers of a chain one by one, so that the last of them can be done together with ours."""
        name, layer = "localisation", self.localisation
        inner = [(f"{name}.{key}", each) for key, each in layer.layers.items()] if type(layer) is Chain else [(name, layer)]
        return self._segments_of([*inner, (f"{name}.theta", self.theta_layer)])

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Initialize the localisation network; its last layer starts at `initial`."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        features = self._draw_inner("localisation", input_shape, rng, dtype)
        self._draw_inner("localisation.theta", features, rng, dtype)
        self.theta_layer.params["weight"][:] = 0
        self.theta_layer.params["bias"][:] = identity_of(self.transform) if self.initial is None else self.initial
        return (*(self.shape or input_shape[:2]), input_shape[2])

    def theta(self, x: Floats) -> Floats:
        """Parameters (N, P) that the localisation network chooses for images (N, H, W, C)."""
        return in_turn(self._segments, x)[0]

    def sample(self, x: Floats, theta: Floats, *, training: bool = False) -> Floats:
        """Read images at given parameters, without the way back; `training` as for `sample_parts`."""
        grid, _ = make_grid(self.transform, theta, self._out_shape(x), self.align_corners)
        return sample_parts(x, grid, self.padding, training=training)[0]

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return the attended images (N, h, w, C) and the way back, through the sampler to image and parameters."""
        theta, from_theta = in_turn(self._segments, x, rng)
        grid, from_grid = make_grid(self.transform, theta, self._out_shape(x), self.align_corners)
        out, from_out = sample_parts(x, grid, self.padding, training=rng is not None)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            d_image, d_grid = from_out(dy, input_gradient)
            d_seen, gradients = from_theta(from_grid(d_grid), input_gradient=input_gradient)
            return d_image + d_seen if d_image is not None and d_seen is not None else None, gradients

        return out, backprop

    def outside(self, theta: Floats) -> float:
        """Share of the images whose sampled region no longer touches the image: their gradient is dead."""
        if not len(theta):
            return 0.0
        with np.errstate(all="ignore"):
            points = self.transform.apply(theta, _PROBE)
            inside = np.all(np.abs(points) <= 1, axis=-1)
        return 1 - float(np.mean(np.any(inside, axis=1)))

    def config(self) -> dict[str, Any]:
        """Return the options; a transform given as an object has no name to be saved by."""
        if self.transform_name is None:
            raise ValueError("transform: only a model whose transforms are given by registered names can be saved")
        return {
            "localisation": self.localisation.describe(),
            "transform": self.transform_name,
            "shape": self.shape,
            "options": {name: np.asarray(v).tolist() if _is_numpy(v) else v for name, v in self.options.items()},
            "initial": None if self.initial is None else self.initial.tolist(),
            "padding": self.padding,
            "align_corners": self.align_corners,
        }

    def __repr__(self) -> str:
        shown = {
            "shape": self.shape, "options": self.options or None,
            "initial": None if self.initial is None else self.initial.tolist(),
            "padding": None if self.padding == "zeros" else self.padding,
            "align_corners": None if self.align_corners else False,
        }  # fmt: skip
        given = [f"{name}={value!r}" for name, value in shown.items() if value is not None]
        given = [repr(self.localisation), repr(self.transform_name or self.transform), *given]
        return f"{type(self).__name__}({', '.join(given)})"

    def trace(self, x: Floats) -> Iterator[tuple[str, Layer, Floats]]:
        """Yield from the localisation network, then the attended images."""
        features = x
        for inner, which, features in self.localisation.trace(x):
            yield f"localisation.{inner}" if inner else "localisation", which, features
        theta = self.theta_layer.forward(features)[0]
        yield "localisation.theta", self.theta_layer, theta
        yield "", self, self.sample(x, theta)

    def _out_shape(self, x: Floats) -> tuple[int, int]:
        return self.shape or (x.shape[1], x.shape[2])


def _is_numpy(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)
