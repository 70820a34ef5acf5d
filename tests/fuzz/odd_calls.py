"""Calls of every public function with one argument that is odd: they give a right answer or raise a documented exception.

An argument of another form that means the same (a list, another byte order, a subclass, ...) must give the same answer.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import io
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np

import stn_numba as stn
from stn_numba import data, nn, testing
from stn_numba.data.distortions import DISTORTIONS
from stn_numba.grid import to_normalized, to_pixels
from stn_numba.nn.optimizers.clipping import clip_by_global_norm
from stn_numba.sampler import interpolation
from stn_numba.transform import registry

DOCUMENTED = (TypeError, ValueError, OSError, MemoryError, stn.PluginError, NotImplementedError, nn.NonFiniteError)
CALLED = ("augment", "callbacks", "schedule")  # functions of the caller, whose errors are passed on as they are
CLEAR = re.compile(r"[^:]{1,120}: |Affine\(\) takes no arguments")

FOLDER = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
IDX = FOLDER / "labels"
IDX.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
MODEL = stn.models.st_fcn((8, 8, 1), units=4, transform="affine")
stn.save(MODEL, FOLDER / "model")
X = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
Y = np.arange(4) % 10
THETA = np.array([[0.9, 0.1, 0.0, 0.1, 0.9, 0.1]])
POINTS = np.random.default_rng(0).uniform(-1.2, 1.2, (4, 3, 2, 2)).astype(np.float32)
DIGITS = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)


class Subclass(np.ndarray):
    """A subclass that looks as other libraries' do."""


class OnlyDLPack:
    """What a tensor of another library offers at least."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class Raises:
    """An object that cannot be made an array."""

    def __array__(self, *args, **options):
        raise ZeroDivisionError("no array today")


def same(rng, a):
    """The same values in another form; None if there is none."""
    a = np.asarray(a)
    if a.dtype.kind not in "fiu" or not a.ndim:
        return None
    forms = (
        lambda: a.tolist(),
        lambda: np.asfortranarray(a),
        lambda: a.astype(a.dtype.newbyteorder()),
        lambda: a.view(Subclass),
        lambda: np.ma.array(a),
        lambda: OnlyDLPack(a),
        lambda: memoryview(np.ascontiguousarray(a)),
        lambda: np.repeat(a, 2, axis=0)[::2],
        lambda: a[::-1].copy()[::-1],
        lambda: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),  # not aligned
    )
    return forms[rng.integers(len(forms))]()


def other(rng, a):
    """An array of other values, shape or dtype."""
    a = np.asarray(a)
    forms = (
        lambda: a[None],
        lambda: a[..., None],
        lambda: a.T,
        lambda: a[:0],
        lambda: a[1:],
        lambda: np.repeat(a, 2, axis=-1),
        lambda: np.full_like(a, np.nan) if a.dtype.kind == "f" else -a,
        lambda: np.where(rng.random(a.shape) < 0.3, np.inf, a),
        lambda: a * 1e30,
        lambda: a.astype(np.float16),
        lambda: a.astype(complex),
        lambda: a.astype(object),
        lambda: a.astype(str),
        lambda: a.astype(bool),
        lambda: a.astype(np.longdouble),
        lambda: a.astype(np.int64),
        lambda: np.matrix(a.reshape(len(a), -1)) if a.ndim else a,
        lambda: np.broadcast_to(a.dtype.type(1), a.shape),
        lambda: np.broadcast_to(a.dtype.type(1), (1, 1 << 20, 1 << 20, 1)[: max(a.ndim, 1)]),
        lambda: np.zeros((1 << 10, 0, 1 << 10, 3)[: max(a.ndim, 1)], a.dtype),
        lambda: a.view([("x", a.dtype)]),
    )
    return forms[rng.integers(len(forms))]()


ODD = (
    None, True, -1, 0, 1, 3, 1.5, 1e300, float("nan"), float("inf"), 10**30, -(2**63), 2**62, np.int8(-1), np.float32(2),
    "", "affine", "nearest", "zeros", "NCHW", "\0", "x" * 10_000, b"bytes", object(), [], [[]], [[1], [1, 2]], {}, {"a": 1}, (),
    set(), lambda *_: 1 / 0, ..., Raises(), np.array(None), np.array("x"), np.datetime64("2020-01-01"), np.zeros(2, "m8[s]"),
    np.zeros(3, [("x", "f4")]), (1,), (2, 3), (0, 0), (-1, 2), (1.5, 2), ("a", "b"), (2, 3, 4), (1 << 40, 1 << 40),
    (1 << 31, 0), [np.nan] * 4, array.array("d", [1, 2]), range(3), io.BytesIO(b"x"), type, np.float32,
    iter([1, 2]), 1j, np.zeros(()),
)  # fmt: skip


def targets(rng):
    """(name, function, valid keyword arguments, names not to be replaced) of one public function."""
    t = stn.get_transform(("affine", "projective", "tps")[rng.integers(3)])
    theta = np.tile(t.identity(), (2, 1)) + rng.normal(0, 0.1, (2, t.n_params))
    points, distortion = rng.uniform(-1, 1, (5, 2)), DISTORTIONS[rng.integers(len(DISTORTIONS))]
    sampling = {
        "kernel": "bilinear", "padding": "zeros", "fill": 0.5, "align_corners": True, "units": "normalized",
        "displacement": False,
        "antialias": False, "layout": "NHWC", "num_threads": 1,
    }  # fmt: skip
    warping = {name: value for name, value in sampling.items() if name not in ("units", "displacement")}
    table = {
        "sample": (stn.sample, {"image": X, "grid": POINTS, "out": np.empty((4, 3, 2, 1), np.float32), **sampling}),
        "sample_vjp": (stn.sample_vjp, {"image": X, "grid": POINTS, **sampling}),
        "sample_vjp's backprop": (lambda d_out: stn.sample_vjp(X, POINTS)[1](d_out)[0],
                                  {"d_out": np.ones((4, 3, 2, 1), np.float32)}),
        "warp": (stn.warp, {"image": X, "theta": np.tile(THETA, (4, 1)), "transform": "affine", "shape": (3, 2),
                            "out": np.empty((4, 3, 2, 1), np.float32), **warping}),
        "forward": (lambda theta, shape, align_corners: t.forward(theta, shape, align_corners)[0].dense(),
                    {"theta": theta, "shape": (3, 2), "align_corners": True}),
        "forward's backprop": (lambda d_grid: t.forward(theta, (3, 2))[1](d_grid), {"d_grid": np.ones((2, 3, 2, 2))}),
        "apply": (t.apply, {"theta": theta, "points": points}),
        "DenseGrid": (lambda **o: stn.DenseGrid(**o).dense(), {"points": POINTS, "align_corners": True}),
        "MatrixGrid": (lambda **o: stn.MatrixGrid(**o).dense(),
                       {"matrix": np.tile(np.eye(3), (2, 1, 1)), "shape": (3, 2), "align_corners": True}),
        "BasisGrid": (lambda **o: stn.BasisGrid(**o).dense(),
                      {"basis": np.ones((6, 3)), "coefficients": np.ones((2, 2, 3)), "shape": (3, 2), "align_corners": True}),
        "pull_back": (lambda d: stn.MatrixGrid(np.eye(3)[None], (3, 2)).own_gradient(d), {"d": np.ones((1, 3, 2, 2))}),
        "grid_from_pixel_matrix": (lambda **o: stn.grid_from_pixel_matrix(**o).dense(),
                                 {"matrix": np.eye(2, 3), "in_shape": (3, 4), "out_shape": (3, 2), "inverse": True}),
        "base_points": (stn.base_points, {"shape": (3, 2), "align_corners": True}),
        "to_pixels": (to_pixels, {"points": points, "shape": (3, 2), "align_corners": True}),
        "to_normalized": (to_normalized, {"pixels": points, "shape": (3, 2), "align_corners": True}),
        "get_transform": (lambda name, control_points: stn.get_transform(name, control_points=control_points).n_params,
                          {"name": "tps", "control_points": (2, 2)}),
        "register_transform": (registering, {"name": "fuzzed", "factory": registry.get_transform, "overwrite": False}),
        "set_num_threads": (threads_set, {"num_threads": 2}),
        "limit_threads": (threads_limited, {"num_threads": 2}),
        "PiecewisePolynomial": (lambda **o: interpolation.PiecewisePolynomial(**o)([0.1, 0.2]),
                                {"breakpoints": [-1, 0, 1], "coefficients": [[1, -1], [0, 1]]}),
        "kernel at distances": (interpolation.bicubic(), {"distances": np.linspace(-3, 3, 7)}),
        "bicubic": (lambda a: interpolation.bicubic(a)([0.5]), {"a": -0.5}),
        "predict": (MODEL.predict, {"X": X}),
        "predict_proba": (MODEL.predict_proba, {"X": X}),
        "theta": (MODEL.theta, {"X": X}),
        "transform": (MODEL.transform, {"X": X}),
        "evaluate": (lambda **o: np.array(MODEL.evaluate(**o)), {"X": X, "y": Y}),
        "load": (lambda **o: stn.load(**o).n_params, {"path": FOLDER / "model", "max_bytes": 1 << 20}),
        "save": (lambda **o: stn.save(**o), {"model": MODEL, "path": FOLDER / "saved"}),
        "read_idx": (data.read_idx, {"path": IDX, "max_bytes": 100}),
        "load_mnist": (data.load_mnist, {"folder": FOLDER}),
        "get_distortion": (lambda name: data.get_distortion(name).canvas, {"name": "RTS"}),
        "distortion": (lambda images: data.get_distortion(distortion)(images, np.random.default_rng(0)), {"images": DIGITS}),
        "softmax": (nn.softmax, {"logits": np.eye(3)}),
        "softmax_cross_entropy": (lambda **o: nn.softmax_cross_entropy(**o)[1](),
                                  {"logits": np.eye(3), "labels": np.arange(3), "label_smoothing": 0.1}),
        "SGD": (lambda **o: descend(nn.SGD(**o)), {"momentum": 0.9, "nesterov": True}),
        "Muon": (lambda **o: descend(nn.Muon(**o)), {"momentum": 0.9}),
        "Adam": (lambda **o: descend(nn.Adam(**o)), {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}),
        "clip_by_global_norm": (clip_by_global_norm, {"gradients": {"w": np.ones(2)}, "limit": 1.0}),
        "schedules": ((nn.constant, nn.cosine, nn.one_cycle, nn.step_decay())[rng.integers(4)], {"progress": 0.5}),
        "step_decay": (lambda **o: nn.step_decay(**o)(0.5), {"factor": 0.1, "steps": 3}),
        "fit": (fitted, {"X": X, "y": Y, "epochs": 1, "seconds": 9.0, "batch_size": 2, "optimizer": nn.SGD(),
                         "learning_rate": 0.0,
                         "schedule": nn.constant, "learning_rate_multipliers": {"localisation": 0.1}, "clip_norm": 1.0,
                         "label_smoothing": 0.1, "weight_decay": 0.01,
                         "validation": (X, Y), "augment": lambda x, rng: x, "callbacks": (lambda *_: None,), "seed": 0}),
        "models": (lambda **o: stn.models.st_fcn(**o).n_params,
                   {"input_shape": (8, 8, 1), "n_classes": 3, "transform": "affine", "shape": (4, 4), "seed": 0}),
        "check_vjp": (gradient_checked, {"x": np.ones(3)}),
    }  # fmt: skip
    name = list(table)[rng.integers(len(table))]
    return name, *table[name]


def gradient_checked(x):
    with contextlib.suppress(AssertionError):  # that a gradient is wrong is an answer
        testing.check_vjp(lambda x: (x * x, lambda d: 2 * x * d), x)


def registering(**options):
    try:
        stn.register_transform(**options)
    finally:
        registry._registered.clear()


def threads_set(num_threads):
    try:
        stn.set_num_threads(num_threads)
        assert stn.get_num_threads() >= 1
    finally:
        stn.set_num_threads(None)


def threads_limited(num_threads):
    with stn.limit_threads(num_threads):
        assert stn.get_num_threads() >= 1


def descend(optimizer):
    params = {"w": np.zeros(2)}
    optimizer.apply(params, {"w": np.ones(2)}, optimizer.init(params), {"w": 0.1})
    return params["w"]


def fitted(**options):
    model = stn.models.fcn((8, 8, 1), units=2)
    stn.fit(model, **options, progress=False)
    return model.predict_proba(X)


def odd_argument(rng):
    """Call one function with an odd argument; returns what came of it."""
    name, function, options = targets(rng)
    key = list(options)[rng.integers(len(options))]
    valid, form = options[key], rng.integers(4)
    numbers = isinstance(valid, np.ndarray | list) and np.asarray(valid).dtype.kind in "fiu" and np.ndim(valid)
    if form == 0 and numbers:
        return same_answer(rng, function, options, name, key)
    if form == 1 and key != "out" and numbers and np.asarray(valid).dtype.kind == "f":
        hidden = np.ma.array(
            valid,
            mask=np.asarray(rng.random(np.shape(valid)) < 0.5) | (np.arange(np.size(valid)) == 0).reshape(np.shape(valid)),
        )
        return expect_refusal(function, options | {key: hidden}, name, key)
    value = ODD[rng.integers(len(ODD))]
    if form == 2 and numbers:
        with contextlib.suppress(TypeError, ValueError):
            value = other(rng, valid)
    try:
        function(**options | {key: value})
    except DOCUMENTED as error:
        expect_clear(name, key, error)
        return "refused"
    except Exception:
        if key not in CALLED:
            raise
        return "passed on"
    return "answered"


def same_answer(rng, function, options, name, key):
    form = same(rng, options[key])
    if key == "out" and not isinstance(form, np.ndarray):
        return "right"
    expected = function(**options)
    expected = expected[0] if isinstance(expected, tuple) else expected
    try:
        got = function(**options | {key: form})
    except DOCUMENTED as error:
        expect_clear(name, key, error)
        return "refused"
    got = got[0] if isinstance(got, tuple) else got
    if isinstance(expected, np.ndarray):
        np.testing.assert_allclose(np.asarray(got, float), expected, rtol=1e-4, atol=1e-5)
    return "right"


def expect_refusal(function, options, name, key):
    try:
        function(**options)
    except DOCUMENTED as error:
        expect_clear(name, key, error)
        return "refused"
    raise AssertionError(f"{name}: values of {key} that are masked were read")


def expect_clear(name, key, error):
    """What is refused is refused in words that name the argument, or by the system, which names the file or the bytes."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno):
        return
    if key in CALLED:
        return
    assert CLEAR.match(str(error)), f"{name}, {key}: {type(error).__name__}: {str(error)[:300]}"


CALLS = {"odd argument": odd_argument}
