"""`check_transform` passes transforms that fulfill the contract, and catches each violation."""

import functools
import threading

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.testing import check_transform, parametrize_checks

OURS = [
    functools.partial(stn.get_transform, "affine"),
    functools.partial(stn.get_transform, "projective"),
    functools.partial(stn.get_transform, "tps"),
    functools.partial(stn.get_transform, "tps", control_points=(2, 3)),
]


@parametrize_checks(*OURS)
def test_built_in_transforms_pass(check):
    check()


@pytest.mark.skipif("logpolar" not in stn.available_transforms(), reason="stn-numba-logpolar is not installed")
@parametrize_checks(functools.partial(stn.get_transform, "logpolar"), exact_identity=False)
def test_the_log_polar_template_passes(check):
    check()


class Shift(stn.Transform):
    n_params = 2

    def identity(self):
        return np.zeros(2)

    def apply(self, theta, points):
        return self.apply_vjp(np.asarray(theta), np.asarray(points))[0]

    def apply_vjp(self, theta, points):
        return points + theta[:, None], lambda d: np.asarray(d).sum(axis=1)


def test_a_small_transform_passes():
    check_transform(Shift)
    check_transform(Shift(), theta=[[0.5, 0.2]])


class SharedIdentity(Shift):
    own = np.zeros(2)

    def identity(self):
        return self.own


class WrongIdentity(Shift):
    def identity(self):
        return np.array([0.1, 0.0])


class LongIdentity(Shift):
    def identity(self):
        return np.zeros(3)


class DoublePrecision(Shift):
    def apply_vjp(self, theta, points):
        return super().apply_vjp(theta.astype(np.float64), points)


class OtherGrid(Shift):
    def forward(self, theta, shape, align_corners=True):
        grid, backprop = super().forward(theta, shape, align_corners)
        return stn.DenseGrid(grid.dense() * grid.values.dtype.type(1.01), align_corners=align_corners), backprop


class WrongGradient(Shift):
    def apply_vjp(self, theta, points):
        return points + theta[:, None], lambda d: np.asarray(d).sum(axis=1) * 1.001


class ChangesTheta(Shift):
    def apply_vjp(self, theta, points):
        result = super().apply_vjp(theta, points)
        theta += 0.01
        return result


class ReusesMemory(Shift):
    def __init__(self):
        self.buffers = {}

    def apply_vjp(self, theta, points):
        mapped, backprop = super().apply_vjp(theta, points)
        buffer = self.buffers.setdefault((mapped.shape, mapped.dtype), np.empty_like(mapped))
        buffer[...] = mapped
        return buffer, backprop


class KeepsTheta(Shift):
    """Keeps theta between forward and backward, where another thread may replace it."""

    meeting = threading.Barrier(8)

    def apply_vjp(self, theta, points):
        self.theta = theta * 1
        if threading.current_thread() is not threading.main_thread():
            self.meeting.wait(10)
        return points + self.theta[:, None], lambda d: np.asarray(d).sum(axis=1)


class KeepsSlope(Shift):
    """The gradient is always that of the last call."""

    def apply_vjp(self, theta, points):
        self.slope = np.cosh(theta)
        return points + np.sinh(theta)[:, None], lambda d: np.asarray(d).sum(axis=1) * self.slope[: len(d)]


class WrongInverse(Shift):
    def apply_inverse(self, theta, points):
        return super().apply_inverse(theta, points) + 1e-3


class WrongFit(Shift):
    def fit_points(self, source, target, weights=None, robust=False):
        return super().fit_points(source, target, weights, robust) * 1.01


class WrongSets(Shift):
    def maps_point_sets(self):
        return True

    def apply(self, theta, points):
        return super().apply(theta, points[0] if np.ndim(points) == 3 else points)


class ListIdentity(Shift):
    def identity(self):
        return [0.0, 0.0]


class HoldsALock(Shift):
    def __init__(self):
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (SharedIdentity, "n_params_and_identity: .* return a copy"),
        (WrongIdentity, "identity_maps_points_to_themselves: .* moved by 0.1"),
        (LongIdentity, r"n_params_and_identity: identity: expected an array \(2,\), got ndarray \(3,\)"),
        (DoublePrecision, "shapes_and_dtypes: .*expected a grid of float32, got float64"),
        (OtherGrid, "grid_agrees_with_apply: grid and apply differ by"),
        (WrongGradient, "gradient: .*relative error"),
        (ChangesTheta, "arguments_are_not_modified: theta was modified|gradient|grid and apply differ"),
        (ReusesMemory, "arguments_are_not_modified: a grid changed when another one was made|gradient"),
        (KeepsTheta, "calls_are_thread_safe: results differ when several threads call at once"),
        (KeepsSlope, "backprop_belongs_to_its_call: .*: a gradient changed after a later call"),
        (ListIdentity, r"n_params_and_identity: identity: expected an array \(2,\), got list \(2,\)"),
        (WrongInverse, r"inverse_undoes_apply: apply\(apply_inverse\(points\)\) differs from points by 0.001"),
        (WrongFit, "fitted_points_are_mapped: fit_points: expected points to reach targets .* off by"),
        (WrongSets, "each_row_maps_its_own_points: a set of points is mapped differently among other rows"),
        (HoldsALock, "pickling: cannot be pickled: TypeError"),
    ],
)
def test_violations_are_caught(transform, message):
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        check_transform(transform, theta=[[0.1, 0.2], [0.3, -0.1]])


def test_disabled_checks_are_skipped():
    check_transform(WrongIdentity, exact_identity=False)
    check_transform(WrongGradient, differentiable=False)
    check_transform(HoldsALock, picklable=False)
    check_transform(WrongInverse, invertible=False)
    check_transform(WrongFit, fittable=False)


@pytest.mark.filterwarnings("error")
def test_a_transform_without_a_gradient_of_its_own_passes_silently():
    class Squeeze(stn.Transform):
        n_params = 1

        def identity(self):
            return np.ones(1)

        def apply(self, theta, points):
            return points * np.asarray(theta)[:, None]

    check_transform(Squeeze, picklable=False)


def test_a_transform_that_raises_is_named():
    class Bent(Shift):
        def forward(self, theta, shape, align_corners=True):
            raise ZeroDivisionError

    with pytest.raises(stn.PluginError, match="shapes_and_dtypes: .*Bent: forward: ZeroDivisionError"):
        check_transform(Bent)


def test_unexpected_errors_name_the_check():
    class Lost(Shift):
        def identity(self):
            raise KeyError("x")

    with pytest.raises(stn.PluginError, match="n_params_and_identity: KeyError: 'x'"):
        check_transform(Lost(), theta=[[0.0, 0.0]])


def test_a_transform_can_be_given_by_its_name():
    check_transform("affine")
    with pytest.raises(ValueError, match="afine"):
        check_transform("afine")


def test_a_transform_without_parameters_passes():
    class Half(stn.Transform):
        n_params = 0

        def identity(self):
            return np.zeros(0)

        def apply(self, theta, points):
            return np.repeat(points[None] / 2, len(theta), axis=0).astype(theta.dtype)

    check_transform(Half(), exact_identity=False, differentiable=False, picklable=False)


def test_a_read_only_identity_is_caught():
    class Frozen(stn.Transform):
        n_params = 1
        start = np.zeros(1)
        start.flags.writeable = False

        def identity(self):
            return self.start

        def apply(self, theta, points):
            return np.asarray(points)[None] + np.asarray(theta)[:, None]

    with pytest.raises(AssertionError, match="returns the transform's internal array; return a copy"):
        check_transform(Frozen(), picklable=False)


def test_missing_transforms_and_parameters_are_refused():
    with pytest.raises(TypeError, match="transform: expected a registered name or a Transform, got NoneType"):
        check_transform(lambda: None)
    with pytest.raises(ValueError, match=r"theta: expected \(N, P\) with N >= 1, got \(0, 6\)"):
        check_transform(stn.get_transform("affine"), theta=np.zeros((0, 6)))
    with pytest.raises(ValueError, match=r"theta: expected \(N, P\) with N >= 1, got \(6,\)"):
        check_transform(stn.get_transform("affine"), theta=stn.get_transform("affine").identity())


def test_a_basis_that_depends_on_other_points_is_caught():
    class Centered(stn.LinearTransform):
        def basis(self, points):
            x, y = (points - points.mean(axis=0)).T
            return np.stack([np.ones_like(x), x, y], axis=1)

    with pytest.raises(AssertionError, match="points_are_independent: a point is mapped differently among other points"):
        check_transform(Centered(), exact_identity=False, picklable=False)
