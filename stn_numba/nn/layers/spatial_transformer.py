"""The spatial transformer as a layer: localisation network, transform, sampler (figure 2 of arXiv 1506.02025)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from stn_numba._util.arguments import as_bool, as_option, as_sizes
from stn_numba.grid import Floats as Points
from stn_numba.grid import Shape, as_floats, base_points
from stn_numba.grid.kernel_grid import KernelGrid
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size
from stn_numba.nn.engine.sampling import Sampling, sample_parts
from stn_numba.nn.layers.base import Layer, expect_shape
from stn_numba.nn.layers.chain import Chain, forward_through
from stn_numba.nn.layers.container import Container, expect_layer, joined
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.layers.fusion.segments import FusedSegment
from stn_numba.nn.layers.theta_penalty import active_penalty
from stn_numba.sampler.interpolation import PiecewisePolynomial, is_nearest, kernel_rule
from stn_numba.sampler.padding import PADDINGS
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, identity_of, make_grid, n_params_of, transform_for_image

__all__ = ["SpatialTransformer"]

_AXES = {2: "HW", 3: "DHW"}  # names of the axes of images and of volumes


class SpatialTransformer(Container):
    """Sample each image at a grid that a localisation network chooses: from (N, H, W, C) to (N, h, w, C).

    With a transform of volumes, such as ``options={"ndim": 3}`` makes by name, from (N, D, H, W, C) to (N, d, h, w, C).

    The localisation network computes features, a dense layer named ``theta`` turns them into transform parameters, and the
    sampler reads the image at the grid that the transform makes of them. The dense layer starts with zero weights and `initial`
    as its bias, so training starts from the undistorted image, or from the same part of every image.

    Parameters
    ----------
    localisation : Layer
        Maps images (N, H, W, C), or volumes, to features (N, D).
    transform : str or Transform, default "affine"
        A registered name, or an object; only models with names can be saved.
    shape : (int, int) or (int, int, int), default None
        (h, w) of the output, (d, h, w) of volumes; None for that of the input. (1, h, w) cuts a plane out of a volume.
    options : dict, default None
        Options of a transform given by name.
    initial : (P,) array, default None
        Parameters to start from; None for the identity. If objects are much smaller than the image, start from a smaller region
        in the middle: training moves a region more easily than it shrinks it.
    kernel : str or PiecewisePolynomial, default "bilinear"
        Interpolation, as for `stn_numba.sample`; only models with names can be saved. ``"nearest"`` has no gradient by the
        positions: the localisation network does not learn.
    padding : str, default "zeros"
        What is outside the image, as for `stn_numba.sample`.
    antialias : bool, default False
        Whether to average over several positions for each output pixel where the grid minifies, as for `stn_numba.sample`. The
        time grows accordingly. Not with ``"nearest"``.
    align_corners : bool, default True
        Convention of the coordinates, as for `stn_numba.sample`.

    Raises
    ------
    TypeError, ValueError
        If the localisation network is no layer, or an option does not fit.
    PluginError
        If the transform breaks its contract.

    Examples
    --------
    >>> from stn_numba.nn import Flatten
    >>> layer = SpatialTransformer(Flatten(), "affine")
    >>> layer.initialize((8, 8, 1), np.random.default_rng(0))
    (8, 8, 1)
    >>> x = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    >>> np.array_equal(layer.forward(x)[0], x)
    True

    Volumes, of which it shows a smaller one:

    >>> layer = SpatialTransformer(Flatten(), "affine", (4, 4, 4), options={"ndim": 3})
    >>> layer.initialize((8, 8, 8, 1), np.random.default_rng(0))
    (4, 4, 4, 1)
    """

    def __init__(
        self,
        localisation: Layer,
        transform: str | Transform = "affine",
        shape: Shape | None = None,
        *,
        options: dict[str, Any] | None = None,
        initial: ArrayLike | None = None,
        kernel: str | PiecewisePolynomial = "bilinear",
        padding: str = "zeros",
        antialias: bool = False,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        self.localisation = expect_layer(localisation, "localisation")
        self.transform_name = transform if isinstance(transform, str) else None
        self.options = dict(options or {})
        self.transform = self._given_transform = as_transform(transform, self.options)
        self._axes = _AXES[self.transform.ndim]
        self.shape = None if shape is None else as_sizes(shape, "shape", self._axes.lower())
        self.kernel, self.padding, self.antialias = _as_sampling(kernel, padding, antialias)
        self.align_corners = as_bool(align_corners, "align_corners")
        self.theta_layer = Dense(n_params_of(self.transform))
        self.layers = {"localisation": self.localisation, "localisation.theta": self.theta_layer}
        self.initial = None if initial is None else as_floats(initial, "initial", (self.theta_layer.units,))

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Initialize the localisation network, and the transform, for inputs (H, W, C); return (h, w, C)."""
        expect_shape(self, input_shape, len(self._axes) + 1, f"({', '.join(self._axes)}, C)")
        self.transform = transform_for_image(self._given_transform, tuple(input_shape[:-1]), self.align_corners)
        features = self._initialize_inner("localisation", input_shape, rng, dtype)
        self._initialize_inner("localisation.theta", features, rng, dtype)
        self.theta_layer.params["weight"][:] = 0
        self.theta_layer.params["bias"][:] = identity_of(self.transform) if self.initial is None else self.initial
        return (*(self.shape or input_shape[:-1]), input_shape[-1])

    @property
    def sampling(self) -> Sampling:
        """The options of the sampler."""
        return Sampling(self.kernel, self.padding, self.antialias)

    def theta(self, x: Floats) -> Floats:
        """Return the parameters (N, P) for images (N, H, W, C)."""
        return forward_through(self._segments, x)[0]

    def sample(self, x: Floats, theta: Floats, *, training: bool = False) -> Floats:
        """Return images sampled with given parameters, without a backward; `training` as for `sample_parts`."""
        grid, _ = self._make_grid(x, theta)
        return sample_parts(x, grid, self.sampling, training=training)[0]

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y the sampled images (N, h, w, C)."""
        theta, theta_backprop = forward_through(self._segments, x, rng)
        penalty = active_penalty() if rng is not None else None
        d_penalty = None if penalty is None else penalty.add(theta, self)
        grid, grid_backprop = self._make_grid(x, theta)
        out, sample_backprop = sample_parts(x, grid, self.sampling, training=rng is not None)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            d_image, d_grid = sample_backprop(dy, input_gradient)
            d_theta = grid_backprop(d_grid)
            if d_penalty is not None:
                d_theta = d_theta + d_penalty
            d_through_theta, gradients = theta_backprop(d_theta, input_gradient=input_gradient)
            return d_image + d_through_theta if d_image is not None and d_through_theta is not None else None, gradients

        return out, backprop

    @property
    def _segments(self) -> list[FusedSegment]:
        """The layers that compute theta; those of a chain one by one, so that the last of them can be fused with ours."""
        name, layer = "localisation", self.localisation
        inner = [(f"{name}.{key}", each) for key, each in layer.layers.items()] if type(layer) is Chain else [(name, layer)]
        return self._segments_of([*inner, (f"{name}.theta", self.theta_layer)])

    def outside(self, theta: Floats) -> float:
        """Return the share of images whose region does not touch the image, so that it has no gradient."""
        if not len(theta):
            return 0.0
        with np.errstate(all="ignore"):
            points = self.transform.apply(theta, _probe(self.transform.ndim))
            inside = np.all(np.abs(points) <= 1, axis=-1)
        return 1 - float(np.mean(np.any(inside, axis=1)))

    def config(self) -> dict[str, Any]:
        """Return the options, as JSON can hold them; a ValueError if transform or kernel were given as objects."""
        if self.transform_name is None:
            raise ValueError("transform: only a model whose transforms are given by registered names can be saved")
        if not isinstance(self.kernel, str):
            raise ValueError("kernel: only a model whose sampling kernels are given by names can be saved")
        return {
            "localisation": self.localisation.describe(),
            "transform": self.transform_name,
            "shape": self.shape,
            "options": {k: v.tolist() if isinstance(v, np.ndarray | np.generic) else v for k, v in self.options.items()},
            "initial": None if self.initial is None else self.initial.tolist(),
            **self.sampling._asdict(),
            "align_corners": self.align_corners,
        }

    @property
    def transform_label(self) -> str:
        """The transform's registered name, or its class."""
        return self.transform_name or type(self.transform).__name__

    def __repr__(self) -> str:
        shown = {
            "shape": self.shape, "options": self.options or None,
            "initial": None if self.initial is None else self.initial.tolist(),
            **{name: value for name, value in self.sampling._asdict().items() if value != getattr(Sampling(), name)},
            "align_corners": None if self.align_corners else False,
        }  # fmt: skip
        given = [f"{name}={value!r}" for name, value in shown.items() if value is not None]
        given = [repr(self.localisation), repr(self.transform_name or self._given_transform), *given]
        return f"{type(self).__name__}({', '.join(given)})"

    def trace(self, x: Floats) -> Iterator[tuple[str, Layer, Floats]]:
        """Yield from the localisation network, then the sampled images."""
        features = x
        for inner, which, features in self.localisation.trace(x):
            yield joined("localisation", inner), which, features
        theta = self.theta_layer.forward(features)[0]
        yield "localisation.theta", self.theta_layer, theta
        yield "", self, self.sample(x, theta)

    def _make_grid(self, x: Floats, theta: Floats) -> tuple[KernelGrid, Callable[[ArrayLike], Floats]]:
        return make_grid(self.transform, theta, self.shape or x.shape[1:-1], self.align_corners)


@functools.cache
def _probe(ndim: int) -> Points:
    """Return enough points to tell whether a region touches the image."""
    return base_points((7,) * ndim)


def _as_sampling(kernel: str | PiecewisePolynomial, padding: str, antialias: bool) -> Sampling:
    """Return the options of the sampler, after a check of each."""
    kernel_rule(kernel)
    sampling = Sampling(kernel, as_option(padding, "padding", PADDINGS), as_bool(antialias, "antialias"))
    if sampling.antialias and is_nearest(kernel):
        raise ValueError("antialias: the most frequent of several pixels has no gradient; take another kernel than 'nearest'")
    return sampling
