"""The attention transform: scale and shift (arXiv 1506.02025, equation 2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.transform import MatrixTransform

__all__ = ["Attention"]


class Attention(MatrixTransform):
    """Crops, zooms and shifts: an upright window of the input, which keeps the image's proportions.

    With theta = (s, t_x, t_y) the output position (x, y) reads the input position

        x_in = s x + t_x
        y_in = s y + t_y

    in normalized coordinates. The output shows a window with its center at (t_x, t_y); s is its size relative to the image.
    s < 1 zooms in. A negative s turns the image upside down.

    Parameters
    ----------
    isotropic : bool, default True
        Whether both axes have the same scale. If False, theta is (s_x, s_y, t_x, t_y).

    Raises
    ------
    TypeError
        If `isotropic` is not a bool.

    References
    ----------
    Jaderberg et al., "Spatial Transformer Networks", NIPS 2015, arXiv 1506.02025, section 3.2, equation 2.

    Examples
    --------
    The right half of the image, at half of its height:

    >>> Attention().apply([[0.5, 0.5, 0]], [[-1, -1], [1, 1]]).tolist()
    [[[0.0, -0.5], [1.0, 0.5]]]

    The right half at full height:

    >>> Attention(isotropic=False).apply([[0.5, 1, 0.5, 0]], [[-1, -1], [1, 1]]).tolist()
    [[[0.0, -1.0], [1.0, 1.0]]]
    """

    def __init__(self, isotropic: bool = True) -> None:
        if not isinstance(isotropic, bool | np.bool_):
            raise TypeError(f"isotropic: expected True or False, got {isotropic!r:.60}")
        self.isotropic = bool(isotropic)

    @property
    def n_params(self) -> int:  # type: ignore[override]
        """3, or 4 with two scales."""
        return 3 if self.isotropic else 4

    def identity(self) -> NDArray[np.float64]:
        """Return (1, 0, 0), or (1, 1, 0, 0) with two scales."""
        return np.array([1.0, 0, 0] if self.isotropic else [1.0, 1, 0, 0])

    def matrix_vjp(self, theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Return matrices with the scales on the diagonal and the shift in the last column, and their backprop."""
        matrix = np.zeros((len(theta), 3, 3), theta.dtype)
        matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, 2, 2] = theta[:, 0], theta[:, -3], 1
        matrix[:, :2, 2] = theta[:, -2:]

        def backprop(d_matrix: Floats) -> Floats:
            scales = d_matrix[:, (0, 1), (0, 1)]
            scales = scales.sum(axis=1, keepdims=True) if self.isotropic else scales
            return np.concatenate([scales, d_matrix[:, :2, 2]], axis=1)

        return matrix, backprop

    def can_be_shared(self) -> bool:
        """Return True: nothing is stored between calls."""
        return True
