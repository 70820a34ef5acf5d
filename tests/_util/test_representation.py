"""`repr` of transforms, kernels and data."""

import functools

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import data
from stn_numba.grid.basis_rows import BasisRows
from stn_numba.sampler import interpolation
from stn_numba.sampler.interpolation import PiecewisePolynomial

KINDS = {name: type(stn.get_transform(name)) for name in ("affine", "projective", "tps")}
NAMES = {kind.__name__: kind for kind in KINDS.values()} | {
    name: getattr(interpolation, name) for name in ("PiecewisePolynomial", "bicubic", "mitchell", "lanczos3", "cubic_b_spline")
}


class Still(stn.Transform):
    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        return np.repeat(points[None], len(theta), axis=0)


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (stn.get_transform("affine"), "Affine()"),
        (stn.get_transform("projective"), "Projective()"),
        (stn.get_transform("tps", control_points=(3, 5)), "ThinPlateSpline(control_points=(3, 5), aspect=1.0)"),
        (
            stn.get_transform("tps", control_points=[[0, 0], [1, 0], [0, 1]], aspect=2),
            "ThinPlateSpline(control_points=[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], aspect=2.0)",
        ),
        (interpolation.bicubic(), "bicubic(-0.75)"),
        (interpolation.bicubic(-0.5), "bicubic(-0.5)"),
        (interpolation.lanczos3(), "lanczos3()"),
        (interpolation.cubic_b_spline(), "cubic_b_spline()"),
        (interpolation.mitchell(0.25, 0.5), "mitchell(0.25, 0.5)"),
        (interpolation.lanczos3().derivative(), "lanczos3().derivative()"),
        (
            PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]]),
            "PiecewisePolynomial(breakpoints=[-1.0, 0.0, 1.0], coefficients=[[1.0, -1.0], [0.0, 1.0]])",
        ),
    ],
)
def test_repr_is_the_expression_that_makes_the_object(thing, text):
    assert repr(thing) == text
    assert repr(eval(text, dict(NAMES))) == text


def test_large_arrays_are_shown_by_their_shape():
    spline = stn.get_transform("tps", control_points=np.random.default_rng(0).random((9, 2)))
    assert repr(spline) == "ThinPlateSpline(control_points=<array (9, 2)>, aspect=1.0)"
    assert repr(BasisRows(lambda *_: None, 16, (5, 4))) == "<BasisRows: B = 16, shape (5, 4)>"
    digits = data.Digits(np.zeros((7, 28, 28, 1)), np.zeros(7), np.zeros((3, 28, 28, 1)), np.zeros(3))
    assert repr(digits) == "<Digits: 7 training and 3 test images of 28 x 28>"


def test_custom_transforms_show_their_options():
    class Turned(Still):
        def __init__(self, angle, *rest, scale=2, table=None, f=len, lost=0, **more):
            self.angle, self._scale, self.table, self.f = angle, scale, table, f

    assert repr(Turned(np.float64(0.5))) == "Turned(angle=0.5, scale=2, table=None, f=len)"
    assert repr(Turned(1, table=np.zeros((100, 100)))) == "Turned(angle=1, scale=2, table=<array (100, 100)>, f=len)"
    assert repr(Turned("x" * 10_000)).startswith("Turned(angle='xxx")
    assert len(repr(Turned("x" * 10_000))) < 150
    assert repr(Turned(object())).startswith("Turned(angle=<object>")
    assert repr(Still()) == "Still()"


def test_repr_of_a_transform_never_raises():
    class Bad:
        def __repr__(self):
            raise ZeroDivisionError

    class Odd(Still):
        def __init__(self, a, b=1):
            self.a, self.inner = a, self

        @property
        def b(self):
            raise OSError

    class Circle(Still):
        def __init__(self, inner=None):
            self.inner = self

    class NoSignature(Still):
        __signature__ = 3

    class Slots(Still):
        __slots__ = ("step",)

        def __init__(self, step):
            self.step = step

    assert repr(Odd(Bad())) == "Odd(a=<Bad>)"
    assert repr(Circle()) == "Circle(inner=...)"
    assert repr(NoSignature()) == "NoSignature()"
    assert repr(Odd.__new__(Odd)) == "Odd()"
    assert repr(KINDS["tps"].__new__(KINDS["tps"])) == "<ThinPlateSpline>"
    many = list(range(10**6))
    assert repr(Odd({n: many for n in range(100)})).startswith("Odd(a={0: [0, 1, 2, 3, 4, 5, 6, 7, ...], 1: ")
    assert repr(Slots(3)) == "Slots(step=3)"
    assert " object at 0x" not in repr(Odd(functools.partial(print, Odd(1))))
