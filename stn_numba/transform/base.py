"""The plugin contract: a transform maps output positions to input positions (S_i = tau_theta(G_i), equation 1).

Choose the base class that fits; most transforms are one function:

`LinearTransform`
    linear in its parameters: write ``basis(points)``.
`MatrixTransform`
    a homography: write ``matrix(theta)``, or ``matrix_vjp(theta)``.
`LatticeTransform`
    displacements of a lattice of control points: write ``axis_weights(x, count)``.
`Transform`
    anything else: write ``apply(theta, points)``, and ``apply_vjp`` to train it fast.

The rest follows from that: gradients, inverses, fits to points. An author may replace any method by a faster one.

Jaderberg et al., "Spatial Transformer Networks", NIPS 2015, arXiv 1506.02025, section 3.2.
"""

from __future__ import annotations

import inspect
import reprlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.html import table
from stn_numba._util.representation import call_repr, constructor_arguments, short_repr
from stn_numba.grid import DenseGrid, Floats, Grid, Shape, base_points, check_shape
from stn_numba.transform import differences
from stn_numba.transform.parameters import as_theta
from stn_numba.transform.point_methods import PointMethods

__all__ = ["Backprop", "Transform", "float_rows"]

Backprop = Callable[[ArrayLike], Floats]


class Transform(PointMethods):
    """A map from output positions to input positions with P parameters per image.

    Attributes
    ----------
    n_params : int
        P, the number of parameters.
    ndim : int, default 2
        Number of coordinates of a position: 2 for images, 3 for volumes.
    pointwise : bool, default False
        Whether `apply` maps each point by itself, so that the bits of a mapped point do not depend on the points beside it:
        True of arithmetic on arrays, not of products of matrices. `stn_numba.dask` then maps a large output part by part.

    Examples
    --------
    A fish-eye with one parameter:

    >>> class FishEye(Transform):
    ...     n_params = 1
    ...     def identity(self):
    ...         return np.zeros(1)
    ...     def apply(self, theta, points):
    ...         theta, points = np.asarray(theta), np.asarray(points)
    ...         squared = np.sum(points**2, axis=-1, keepdims=True)
    ...         return points * (1 + theta[:, None] * squared)
    >>> grid, _ = FishEye().forward([[0.5]], (3, 3))
    >>> grid.dense().shape
    (1, 3, 3, 2)
    >>> FishEye().apply([[0.5]], [[1.0, 0.0]]).tolist()
    [[[1.5, 0.0]]]
    """

    n_params: int
    ndim: int = 2
    pointwise: bool = False

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        try:
            return call_repr(self, self._shown_options())
        except Exception:  # of an instance whose constructor failed
            return f"<{type(self).__name__}>"

    def _repr_html_(self) -> str | None:
        try:
            shown = {"parameters": self.n_params, "dimensions": self.ndim, **self._shown_options()}
            about = (inspect.getdoc(type(self)) or "").partition("\n")[0]
            rows = [(name, value if isinstance(value, str) else short_repr(value)) for name, value in shown.items()]
            return table([], [("", about), *rows] if about else rows, title=type(self).__name__)
        except Exception:  # of an instance whose constructor failed; notebooks show its repr then
            return None

    def _shown_options(self) -> dict[str, Any]:
        """Options that ``repr`` shows; by default the constructor's arguments that are attributes of the same names."""
        return constructor_arguments(self)

    @abstractmethod
    def identity(self) -> NDArray[np.float64]:
        """Parameters (P,) that map every point to itself, or as nearly as the transform can. Training starts there."""

    @abstractmethod
    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points with each row of parameters.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.
        points : array_like, (M, 2)
            Normalized output positions (x, y). `LinearTransform` and `MatrixTransform` also take (N, M, 2), one set for each
            row; for any transform, `stn_numba.transform.points.apply_each` does.

        Returns
        -------
        ndarray, (N, M, 2)
            Normalized input positions (x, y); NaN for points that have none.
        """

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Map points as `apply` does, and return the function that computes gradients.

        By default gradients are taken by central differences, in float64.

        Parameters
        ----------
        theta : ndarray, (N, P), float32 or float64
        points : ndarray, (M, 2)

        Returns
        -------
        mapped : ndarray, (N, M, 2)
        backprop : callable
            ``backprop(d_mapped (N, M, 2)) -> d_theta (N, P)``.

        Warns
        -----
        RuntimeWarning
            Once for each class without an `apply_vjp` of its own: each gradient takes 2 P calls of `apply`.
        """
        at, exact = theta.copy(), points.astype(np.float64)

        def backprop(d_mapped: ArrayLike) -> Floats:
            differences.warn_of_cost(type(self), at.shape[1])
            d, d_theta = np.asarray(d_mapped, np.float64), np.zeros(at.shape)
            for k, slope in enumerate(differences.by_parameter(lambda theta: self.apply(theta, exact), at)):
                d_theta[:, k] = np.sum(slope * d, axis=(1, 2))
            return d_theta.astype(at.dtype)

        return self.apply(theta, points), backprop

    def for_image(self, in_shape: Shape, align_corners: bool = True) -> Transform:
        """Return the transform to use with images of one shape. By default the transform itself.

        A transform that depends on the aspect of an image, such as a rotation, returns one for this aspect.
        `stn_numba.warp` and `SpatialTransformer` call it; theta has the same meaning before and after.

        Parameters
        ----------
        in_shape : (int, int)
            (H, W) of the images.
        align_corners : bool, default True
            Convention of the positions, see `stn_numba.grid`.

        Returns
        -------
        Transform
            With the same number of parameters.
        """
        return self

    def forward(self, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[Grid, Backprop]:
        """Return the sampling grid for an output of the given shape, and the function that computes gradients.

        Parameters
        ----------
        theta : array_like, (N, P)
            Parameters.
        shape : (int, int) or (int, int, int)
            (h, w) of the output, or (d, h, w) of a volume.
        align_corners : bool, default True
            Convention of the grid, see `stn_numba.grid`.

        Returns
        -------
        grid : Grid
            N grids, for `stn_numba.sample`.
        backprop : callable
            ``backprop(d_grid) -> d_theta (N, P)``; pass `d_grid` as `stn_numba.sample_vjp` returns it, or (N, h, w, 2).

        Raises
        ------
        TypeError
            If `theta` does not hold real numbers, or `shape` is not two whole numbers.
        ValueError
            If `theta` is not (N, P), or `apply` returns another shape than (N, M, 2).
        """
        theta = self._check_theta(theta)
        shape = check_shape(shape, ndim=self.ndim)
        points = base_points(shape, align_corners).astype(theta.dtype)
        mapped, pull_back = self.apply_vjp(theta, points)
        self._check_result(mapped, (len(theta), len(points), self.ndim))
        grid = DenseGrid(np.reshape(mapped, (len(theta), *shape, self.ndim)), align_corners=align_corners)

        def backprop(d_grid: ArrayLike) -> Floats:
            d_theta = pull_back(np.reshape(grid.own_gradient(d_grid), mapped.shape))
            return np.asarray(d_theta, theta.dtype)

        return grid, backprop

    def _check_theta(self, theta: ArrayLike) -> Floats:
        return as_theta(theta, self.n_params, self)

    def _check_result(self, mapped: Any, expected: tuple[int, ...]) -> None:
        got = getattr(mapped, "shape", type(mapped).__name__)
        if got != expected:
            raise ValueError(f"{type(self).__name__}.apply: expected an array {expected}, got {got}")

    # What the library asks of the base classes

    def is_linear(self) -> bool:
        """Whether points are linear in theta, which is read as (N, 2, B): coefficients of x, then those of y."""
        return False

    def can_be_shared(self) -> bool:
        """Whether one instance can serve all calls that ask for the transform by name, because it stores nothing."""
        return False

    def has_grid_values(self) -> bool:
        """Whether `grid_values` returns the values of the grid that `forward` makes, so that warps can be planned."""
        return False

    def grid_values(self, theta: NDArray[Any]) -> Floats | None:
        """Values of the grid for theta (N, P) or (P,), not validated; None if the grid has to be made by `forward`."""
        return None


def float_rows(theta: NDArray[Any]) -> Floats:
    """Theta (P,) or (N, P) as floats (N, P)."""
    theta = theta[None] if theta.ndim == 1 else theta
    return theta if theta.dtype.kind == "f" else theta.astype(np.float64)
