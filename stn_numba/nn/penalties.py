"""Penalties of transform parameters, for `fit`: keep them near the identity, or limit the scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Floats
from stn_numba.transform import MatrixTransform
from stn_numba.transform.checked import identity_of

if TYPE_CHECKING:
    from stn_numba.nn.layers.spatial_transformer import SpatialTransformer
    from stn_numba.nn.layers.theta_penalty import ThetaPenalty

__all__ = ["KEEP_INSIDE", "centers_inside", "near_identity", "scale_limits"]


def centers_inside(weight: float = 1.0) -> ThetaPenalty:
    """Return a penalty of regions whose center is outside the image: the squared distance, 0 for all others.

    The loss has no gradient where all samples are padding, so a region that has left the image would never come back. This
    penalty brings it back, and changes nothing in training without such regions. Distances are in normalized coordinates: the
    image reaches from -1 to 1.

    Parameters
    ----------
    weight : float, default 1.0
        Factor of the penalty, at least 0.

    Returns
    -------
    function
        For the argument `theta_penalty` of `fit`, whose default it is.

    Examples
    --------
    >>> from stn_numba import models
    >>> transformer = models.st_fcn().transformers[0]
    >>> value, d_theta = centers_inside()(np.array([[1.0, 0, 1.5, 0, 1, -0.9]]), transformer)
    >>> value, d_theta.tolist()
    (0.25, [[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    """
    weight = as_real(weight, "weight", "[0, inf)")

    def penalty(theta: Floats, transformer: SpatialTransformer) -> tuple[float, Floats]:
        transform, gradient = transformer.transform, np.zeros_like(theta)
        center = transform.apply(theta, np.zeros((1, transform.ndim)))[:, 0]
        distance = center - np.clip(center, -1, 1)
        out = np.flatnonzero(distance.any(axis=1))
        if len(out):
            one = (1,) * transform.ndim  # the center is the only pixel of this shape
            _, backprop = transform.forward(theta[out], one, True)
            gradient[out] = backprop((2 * weight / len(theta) * distance[out]).reshape(-1, *one, transform.ndim))
        return weight * float(np.sum(distance**2)) / len(theta), gradient

    return penalty


def near_identity(weight: float = 0.1) -> ThetaPenalty:
    """Return a penalty of the squared distance of theta from the identity.

    Parameters
    ----------
    weight : float, default 0.1
        Factor of the penalty, at least 0.

    Returns
    -------
    function
        For the argument `theta_penalty` of `fit`.

    Examples
    --------
    >>> from stn_numba import models, nn
    >>> X, y = np.random.default_rng(0).random((32, 12, 12), np.float32), np.arange(32) % 2
    >>> history = nn.fit(models.st_fcn((12, 12, 1), 2), X, y, epochs=1, theta_penalty=near_identity(), progress=False)
    """
    weight = as_real(weight, "weight", "[0, inf)")

    def penalty(theta: Floats, transformer: SpatialTransformer) -> tuple[float, Floats]:
        difference = theta - identity_of(transformer.transform)
        return weight * float(np.mean(np.sum(difference**2, axis=1))), 2 * weight / len(theta) * difference

    return penalty


def scale_limits(low: float, high: float, *, weight: float = 1.0) -> ThetaPenalty:
    """Return a penalty of transforms that look at too small or too large a part of the image.

    The scale is the square root of the determinant of the matrix's 2 x 2 part: 1 for the whole image, 0.5 for a region of half
    its height and width. The penalty is the squared distance of its square from the range of squares. For volumes it is the
    third root of the determinant of the 3 x 3 part, and cubes take the place of squares.

    Parameters
    ----------
    low, high : float
        Limits of the scale, 0 <= low < high.
    weight : float, default 1.0
        Factor of the penalty, at least 0.

    Returns
    -------
    function
        For the argument `theta_penalty` of `fit`; it raises a TypeError for transforms that are no `MatrixTransform`.

    Examples
    --------
    >>> from stn_numba import models
    >>> transformer = models.st_fcn().transformers[0]
    >>> scale_limits(0.5, 0.9)(np.array([[1.0, 0, 0, 0, 1, 0]]), transformer)[0].__round__(4)
    0.0361
    """
    low, high = as_real(low, "low", "[0, inf)"), as_real(high, "high", "(0, inf)")
    if not low < high:
        raise ValueError(f"high: expected more than low = {low}, got {high}")
    weight = as_real(weight, "weight", "[0, inf)")

    def penalty(theta: Floats, transformer: SpatialTransformer) -> tuple[float, Floats]:
        transform = transformer.transform
        if not isinstance(transform, MatrixTransform):
            raise TypeError(f"scale_limits: expected a transform that is a matrix, got {transformer.transform_label!r}")
        matrix, matrix_vjp = transform.matrix_vjp(theta.astype(np.float64))
        ndim = transform.ndim
        linear = matrix[:, :ndim, :ndim]
        determinant = np.linalg.det(linear)
        size = np.abs(determinant)
        excess = size - np.clip(size, low**ndim, high**ndim)
        d_matrix = np.zeros_like(matrix)
        slope = (2 * weight / len(theta) * np.sign(determinant) * excess)[:, None, None]
        d_matrix[:, :ndim, :ndim] = slope * _cofactors(linear)
        return weight * float(np.mean(excess**2)), matrix_vjp(d_matrix)

    return penalty


def _cofactors(matrix: Floats) -> Floats:
    """Return the gradients of the determinants of matrices (N, 2, 2) or (N, 3, 3) by their elements."""
    if matrix.shape[1] == 2:
        elements = [matrix[:, 1, 1], -matrix[:, 1, 0], -matrix[:, 0, 1], matrix[:, 0, 0]]
        return np.stack(elements, axis=1).reshape(-1, 2, 2)
    return np.stack([np.cross(matrix[:, (row + 1) % 3], matrix[:, (row + 2) % 3]) for row in range(3)], axis=1)


KEEP_INSIDE = centers_inside()
"""The default of `fit`."""
