"""Find where to start when the motion is too large for the coarsest level.

There are two kinds of starts: similarities, for which every angle and scale of a list is correlated with the moving image at
every shift, and random ones, which move the corners of the fixed image. All are evaluated on the smallest level, and the best
few are refined level by level, fewer on each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Shape, base_points, grid_from_pixel_matrix
from stn_numba.registration.descent.coarse_to_fine import Registrar
from stn_numba.registration.descent.normal_equations import NormalEquations
from stn_numba.registration.pyramid.levels import Level
from stn_numba.sampler import sample
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import identity_of
from stn_numba.transform.fitting.nonlinear import minimize
from stn_numba.transform.fitting.pairs import as_pairs
from stn_numba.transform.lattice import LatticeTransform
from stn_numba.transform.linear import LinearTransform
from stn_numba.transform.matrix import MatrixTransform

__all__ = ["best_start", "random_starts", "similarity_starts"]

Array = NDArray[np.float64]

_CORNERS = base_points((2, 2))
_ANGLE, _SCALES = np.pi / 12, (0.7, 0.85, 1.0, 1.2, 1.4)
_REACH = 0.55  # how far corners move, normalized: an image is 2 wide
_SHOWN = 0.4  # least share of the fixed image that a start shows
_STEPS = 5  # towards a similarity, of transforms that are fitted by steps: starts need not be exact
_KEPT = (24, 8, 3)  # starts that are refined on the coarsest level, on the next, …


def random_starts(transform: Transform, start: Array, count: int, rng: np.random.Generator) -> Array:
    """Return `count` parameters (count, P) around `start` (P,) that move the corners at random, up to a quarter of the image.

    Moved corners are turned into parameters by the derivatives of `apply`, so this works for any transform.
    """
    jacobian = transform.theta_jacobian(start[None], _CORNERS)[0].reshape(-1, len(start)).T
    reach = rng.uniform(0, _REACH, (count, 1))
    corners = rng.uniform(-1, 1, (count, jacobian.shape[1])) * reach
    result: Array = start + corners @ np.linalg.pinv(jacobian, rcond=1e-6)
    return result


def similarity_starts(transform: Transform, level: Level, pair: int) -> Array:
    """Return parameters (K, P) that come closest to similarities: each angle and scale, with the shift that correlates best."""
    (moving_plane,), (fixed_plane,) = (planes[:1] for planes in level.planes_of(np.array([pair])))
    moving, fixed = level.moving[moving_plane], level.fixed[fixed_plane]
    turns = _turns()
    shifts = _best_shifts(moving, _turned(fixed, (moving.shape[0], moving.shape[1]), turns))
    center = np.array([(moving.shape[1] - 1) / 2, (moving.shape[0] - 1) / 2])
    pixels = base_points((5, 5)) * (np.array(fixed.shape[::-1]) - 1) / 2  # of the level, around the center of the fixed image
    step_x, start_x, step_y, start_y = level.axes
    source = (pixels + (np.array(fixed.shape[::-1]) - 1) / 2) * (step_x, step_y) + (start_x, start_y)
    mapped = pixels @ np.swapaxes(turns, 1, 2) + (center + shifts)[:, None]
    to_pixels = level.to_pixels
    scale = np.diag(to_pixels)[:2]
    normalized = (mapped - to_pixels[:2, 2]) / np.where(scale > 0, scale, np.inf)
    return _nearest(transform, np.broadcast_to(source, normalized.shape), normalized)


def _nearest(transform: Transform, source: Array, target: Array) -> Array:
    """Parameters (K, P) that map points to about where similarities do: exactly if there is a formula, else after few steps."""
    if not isinstance(transform, MatrixTransform | LinearTransform | LatticeTransform):
        start = np.tile(np.asarray(identity_of(transform), np.float64), (len(target), 1))
        found, cost = minimize(transform, as_pairs(source, target, None), start, _STEPS)
        return found[np.isfinite(found).all(axis=1) & np.isfinite(cost)]
    try:
        return transform.fit_points(source, target)
    except ValueError:  # a transform that points do not determine, or that comes near no similarity
        return np.empty((0, transform.n_params))


def _turns() -> Array:
    """(K, 2, 2): rotations by all angles and scales, in pixels."""
    angles, scales = np.meshgrid(np.arange(0, 2 * np.pi, _ANGLE), _SCALES)
    cos, sin = (scales * np.cos(angles)).ravel(), (scales * np.sin(angles)).ravel()
    return np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)


def _turned(fixed: NDArray[np.float32], shape: Shape, turns: Array) -> NDArray[np.float32]:
    """(K, H, W): the fixed image turned around the center of a frame like that of the moving one; 0 outside."""
    inverse = np.linalg.inv(turns)
    center = (np.array(shape[::-1]) - 1) / 2
    offset = (np.array(fixed.shape[::-1]) - 1) / 2 - inverse @ center
    grid = grid_from_pixel_matrix(np.concatenate([inverse, offset[..., None]], axis=2), fixed.shape, shape)
    return sample(fixed[None, ..., None], grid)[..., 0]


def _best_shifts(moving: NDArray[np.float32], turned: NDArray[np.float32]) -> Array:
    """(K, 2): the shifts (x, y) in pixels at which each turned image correlates most with the moving one."""
    size = [2 * length for length in moving.shape]
    spectrum = np.fft.rfft2(moving, size) * np.conj(np.fft.rfft2(turned, size))
    correlation = np.abs(np.fft.irfft2(spectrum, size))
    rows, columns = np.unravel_index(correlation.reshape(len(turned), -1).argmax(axis=1), size)
    shifts = np.stack([columns, rows], axis=1).astype(np.float64)
    return np.where(shifts >= moving.shape[::-1], shifts - size[::-1], shifts)


def best_start(registrar: Registrar, levels: list[Level], pair: int, starts: Array) -> tuple[Array, list[Level]]:
    """Return the best start (1, P) for one pair after refining on coarse levels, and the levels that are left."""
    rows = np.full(len(starts), pair)
    theta, remaining = starts, list(levels)
    scores = registrar.scores(remaining[-1], theta, rows)
    theta = theta[_best(scores, _KEPT[0], registrar.full_overlap(remaining[-1], pair))]
    for kept in _KEPT[1:]:
        if len(remaining) <= 1:
            break
        level = remaining.pop()
        found = registrar.minimize(level, theta, rows[: len(theta)])
        at = registrar.scores(level, found.theta, rows[: len(theta)])
        theta = found.theta[_best(at, kept, registrar.full_overlap(level, pair))]
    at = registrar.scores(remaining[-1], theta, rows[: len(theta)])
    return theta[_best(at, 1, registrar.full_overlap(remaining[-1], pair))], remaining


def _best(equations: NormalEquations, count: int, full: float) -> NDArray[np.intp]:
    """The rows of lowest cost, among those that show enough of the fixed image, whose whole overlap is `full`."""
    cost = np.where(equations.overlap >= _SHOWN * full, equations.cost, np.inf)
    return np.argsort(cost, kind="stable")[:count]
