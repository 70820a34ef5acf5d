"""Apply transforms one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats, Shape
from stn_numba.transform.base import Backprop, Transform
from stn_numba.transform.checked import TransformLike, identity_of, n_params_of, transform_for_image, transform_from
from stn_numba.transform.matrix import MatrixTransform
from stn_numba.transform.points import apply_each, as_points, vjp_each

__all__ = ["Composed", "ComposedMatrix", "compose", "compose_list"]


def compose(*transforms: TransformLike) -> Transform:
    """Return a transform that applies others one after another.

    A point of the output goes through the first transform, then through the second one, and so on: the last one reads the
    input. It is as if you warped the image by the last transform, and the result by the one before it.

    Parameters
    ----------
    *transforms : Transform, str or (str, dict)
        Transforms, registered names, or names with options; at least one.

    Returns
    -------
    Transform
        Its theta is that of the first transform, then that of the second one, and so on. A `MatrixTransform` if all are.

    Raises
    ------
    TypeError
        If there is no transform, or one of them is none.
    ValueError
        If no transform has a given name.

    Examples
    --------
    >>> both = compose("affine", ("tps", {"control_points": (3, 3)}))
    >>> both.n_params
    24
    >>> twice = compose("affine", "affine")
    >>> zoom, shift = [0.5, 0, 0, 0, 0.5, 0], [1, 0, 0.25, 0, 1, 0]
    >>> twice.apply([zoom + shift], [[1.0, 0.0]]).tolist()
    [[[0.75, 0.0]]]
    """
    if not transforms:
        raise TypeError("compose: expected at least one transform")
    return _composed([transform_from(transform) for transform in transforms])


def compose_list(transforms: Sequence[TransformLike]) -> Transform:
    """Return ``compose(*transforms)``: what the registered name "compose" makes of its option.

    Examples
    --------
    >>> compose_list(["affine", "projective"]).n_params
    14
    """
    if isinstance(transforms, str) or not isinstance(transforms, Sequence):
        raise TypeError(f"transforms: expected a list of transforms, got {transforms!r:.60}")
    return compose(*transforms)


def _composed(parts: Sequence[Transform]) -> Transform:
    return (ComposedMatrix if all(isinstance(part, MatrixTransform) for part in parts) else Composed)(parts)


class Composed(Transform):
    """Transforms one after another, see `compose`.

    Parameters
    ----------
    transforms : sequence of Transform
        In the order in which they map a point of the output.
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)
        self.ndim = self.transforms[0].ndim
        if any(part.ndim != self.ndim for part in self.transforms):
            found = [part.ndim for part in self.transforms]
            raise ValueError(f"transforms: expected the same number of axes of all, got {found}")
        self.pointwise = all(part.pointwise for part in self.transforms)
        counts = [n_params_of(part) for part in self.transforms]
        self._ends = np.cumsum(counts).tolist()
        self._starts = [end - count for end, count in zip(self._ends, counts, strict=True)]

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """The sum of those of all transforms."""
        return int(self._ends[-1])

    def identity(self) -> NDArray[np.float64]:
        """Return the identities of all transforms."""
        return np.concatenate([identity_of(part) for part in self.transforms]).astype(np.float64)

    def split(self, theta: ArrayLike) -> list[Floats]:
        """Return the parameters of each transform, (N, P_k)."""
        theta = self._check_theta(theta)
        return [theta[:, first:last] for first, last in zip(self._starts, self._ends, strict=True)]

    def apply(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map points (M, 2) or (N, M, 2) through all transforms, as `Transform.apply`."""
        mapped = as_points(points, len(np.asarray(theta)), self.ndim)
        for part, own in zip(self.transforms, self.split(theta), strict=True):
            mapped = apply_each(part, own, mapped)
        return mapped

    def apply_vjp(self, theta: Floats, points: Floats) -> tuple[Floats, Backprop]:
        """Return the mapped points and their backprop, as `Transform.apply_vjp`."""
        thetas = self.split(theta)
        stops, pull_backs = [points], []
        for part, own in zip(self.transforms, thetas, strict=True):
            mapped, pull_back = vjp_each(part, own, stops[-1])
            stops.append(mapped)
            pull_backs.append(pull_back)

        def backprop(d_mapped: ArrayLike) -> Floats:
            d, gradients = np.asarray(d_mapped), []
            for k in reversed(range(len(thetas))):
                gradients.append(pull_backs[k](d))
                if k:
                    d = _through(d, self.transforms[k].points_jacobian(thetas[k], stops[k])).astype(theta.dtype)
            return np.concatenate(gradients[::-1], axis=1).astype(theta.dtype)

        return stops[-1], backprop

    def for_image(self, in_shape: Shape, align_corners: bool = True) -> Transform:
        """Return the composition of all transforms for an image."""
        parts = [transform_for_image(part, in_shape, align_corners) for part in self.transforms]
        same = all(new is old for new, old in zip(parts, self.transforms, strict=True))
        return self if same else _composed(parts)

    def points_jacobian(self, theta: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
        """Return the product of those of all transforms."""
        thetas = self.split(theta)
        at = as_points(points, len(thetas[0]), self.ndim)
        result = np.eye(self.ndim)
        for part, own in zip(self.transforms, thetas, strict=True):
            result = part.points_jacobian(own, at) @ result
            at = apply_each(part, own, at)
        return result

    def theta_jacobian(self, theta: Floats, points: Floats) -> NDArray[np.float64]:
        """Derivatives (N, M, 2, P)."""
        found, at = np.zeros((len(theta), *points.shape[-2:], 0)), points
        for part, own in zip(self.transforms, self.split(theta), strict=True):
            outer = part.points_jacobian(own, at)
            found = np.concatenate([np.where(np.isfinite(outer), outer, 0.0) @ found, part.theta_jacobian(own, at)], axis=-1)
            at = apply_each(part, own, at)
        return found

    def apply_inverse(self, theta: ArrayLike, points: ArrayLike) -> Floats:
        """Map input positions to output positions: back through each transform, the last one first."""
        thetas = self.split(theta)
        found = as_points(points, len(thetas[0]), self.ndim)
        for part, own in zip(self.transforms[::-1], thetas[::-1], strict=True):
            found = part.apply_inverse(own, found)
        return found

    def maps_point_sets(self) -> bool:
        """Return True."""
        return True


class ComposedMatrix(Composed, MatrixTransform):
    """Homographies one after another: one homography."""

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return the products of the matrices, and their backprop."""
        pairs = [
            part.matrix_vjp(own)
            for part, own in zip(self.transforms, self.split(theta), strict=True)
            if isinstance(part, MatrixTransform)
        ]
        before = [np.tile(np.eye(self.ndim + 1, dtype=theta.dtype), (len(theta), 1, 1))]  # products of the first k matrices
        for matrix, _ in pairs:
            before.append(matrix @ before[-1])

        def backprop(d_matrix: Floats) -> Floats:
            d, gradients = d_matrix, []
            for (matrix, pull_back), inner in zip(pairs[::-1], before[-2::-1], strict=True):
                gradients.append(pull_back(d @ np.swapaxes(inner, 1, 2)))
                d = np.swapaxes(matrix, 1, 2) @ d
            return np.concatenate(gradients[::-1], axis=1).astype(theta.dtype)

        return before[-1], backprop

    # One homography maps, inverts and makes grids faster than its parts would, and the grid agrees with it behind horizons.
    apply = MatrixTransform.apply
    apply_vjp = MatrixTransform.apply_vjp
    apply_inverse = MatrixTransform.apply_inverse
    points_jacobian = MatrixTransform.points_jacobian
    theta_jacobian = MatrixTransform.theta_jacobian


def _through(d: Floats, jacobian: NDArray[np.float64]) -> Floats:
    """Gradient (N, M, 2) with respect to points from that with respect to mapped points; 0 where there is no derivative."""
    result: Floats = np.einsum("nmi,nmij->nmj", d, np.where(np.isfinite(jacobian), jacobian, 0.0))
    return result
