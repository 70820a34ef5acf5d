"""Every public function with valid arguments: tables of {name: (function, its keyword arguments)}, one for each area."""

from __future__ import annotations

import atexit
import contextlib
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


def all_calls(rng):
    areas = (sampling, grids, transforms, interpolations, models, files, image_data, losses_and_optimizers, training, others)
    return {name: call for area in areas for name, call in area(rng).items()}


def random_call(rng):
    """(name, function, keyword arguments) of one public function."""
    table = all_calls(rng)
    name = list(table)[rng.integers(len(table))]
    return name, *table[name]


def sampling(rng):
    warp = {
        "kernel": "bilinear", "padding": "zeros", "fill": 0.5, "align_corners": True, "antialias": False, "layout": "NHWC",
        "num_threads": 1,
    }  # fmt: skip
    sample = warp | {"units": "normalized", "displacement": False}
    out = np.empty((4, 3, 2, 1), np.float32)
    theta = np.tile(THETA, (4, 1))
    return {
        "sample": (stn.sample, {"image": X, "grid": POINTS, "out": out, **sample}),
        "sample_vjp": (stn.sample_vjp, {"image": X, "grid": POINTS, **sample}),
        "sample_vjp's backprop": (lambda d_out: stn.sample_vjp(X, POINTS)[1](d_out)[0], {"d_out": np.ones_like(out)}),
        "sample_gradients": (stn.sample_gradients, {"image": X, "grid": POINTS, "d_out": np.ones_like(out), **sample}),
        "warp": (stn.warp, {"image": X, "theta": theta, "transform": "affine", "shape": (3, 2), "out": out, **warp}),
    }


def grids(rng):
    points, matrices = rng.uniform(-1, 1, (5, 2)), np.tile(np.eye(3), (2, 1, 1))
    shape = {"shape": (3, 2), "align_corners": True}
    return {
        "DenseGrid": (lambda **o: stn.DenseGrid(**o).dense(), {"points": POINTS, "align_corners": True}),
        "MatrixGrid": (lambda **o: stn.MatrixGrid(**o).dense(), {"matrix": matrices, **shape}),
        "BasisGrid": (
            lambda **o: stn.BasisGrid(**o).dense(),
            {"basis": np.ones((6, 3)), "coefficients": np.ones((2, 2, 3)), **shape},
        ),
        "own_gradient": (lambda d: stn.MatrixGrid(np.eye(3)[None], (3, 2)).own_gradient(d), {"d": np.ones((1, 3, 2, 2))}),
        "grid_from_pixel_matrix": (
            lambda **o: stn.grid_from_pixel_matrix(**o).dense(),
            {"matrix": np.eye(2, 3), "in_shape": (3, 4), "out_shape": (3, 2), "inverse": True},
        ),
        "base_points": (stn.base_points, shape),
        "to_pixels": (to_pixels, {"points": points, **shape}),
        "to_normalized": (to_normalized, {"pixels": points, **shape}),
    }


def transforms(rng):
    t = stn.get_transform(("affine", "projective", "tps")[rng.integers(3)])
    theta = np.tile(t.identity(), (2, 1)) + rng.normal(0, 0.1, (2, t.n_params))
    return {
        "forward": (
            lambda theta, shape, align_corners: t.forward(theta, shape, align_corners)[0].dense(),
            {"theta": theta, "shape": (3, 2), "align_corners": True},
        ),
        "forward's backprop": (lambda d_grid: t.forward(theta, (3, 2))[1](d_grid), {"d_grid": np.ones((2, 3, 2, 2))}),
        "apply": (t.apply, {"theta": theta, "points": rng.uniform(-1, 1, (5, 2))}),
        "get_transform": (
            lambda name, control_points: stn.get_transform(name, control_points=control_points).n_params,
            {"name": "tps", "control_points": (2, 2)},
        ),
        "register_transform": (register, {"name": "fuzzed", "factory": registry.get_transform, "overwrite": False}),
    }


def register(**options):
    try:
        stn.register_transform(**options)
    finally:
        registry._registered.clear()


def interpolations(rng):
    return {
        "PiecewisePolynomial": (
            lambda **o: interpolation.PiecewisePolynomial(**o)([0.1, 0.2]),
            {"breakpoints": [-1, 0, 1], "coefficients": [[1, -1], [0, 1]]},
        ),
        "kernel at distances": (interpolation.bicubic(), {"distances": np.linspace(-3, 3, 7)}),
        "bicubic": (lambda a: interpolation.bicubic(a)([0.5]), {"a": -0.5}),
    }


def models(rng):
    options = {"input_shape": (8, 8, 1), "n_classes": 3, "transform": "affine", "shape": (4, 4), "seed": 0}
    return {
        "models": (lambda **o: stn.models.st_fcn(**o).n_params, options),
        "predict": (MODEL.predict, {"X": X}),
        "predict_proba": (MODEL.predict_proba, {"X": X}),
        "theta": (MODEL.theta, {"X": X}),
        "transform": (MODEL.transform, {"X": X}),
        "evaluate": (lambda **o: np.array(MODEL.evaluate(**o)), {"X": X, "y": Y}),
    }


def files(rng):
    return {
        "load": (lambda **o: stn.load(**o).n_params, {"path": FOLDER / "model", "max_bytes": 1 << 20}),
        "save": (stn.save, {"model": MODEL, "path": FOLDER / "saved"}),
        "read_idx": (data.read_idx, {"path": IDX, "max_bytes": 100}),
        "load_mnist": (data.load_mnist, {"folder": FOLDER}),
    }


def image_data(rng):
    name = DISTORTIONS[rng.integers(len(DISTORTIONS))]
    return {
        "get_distortion": (lambda name: data.get_distortion(name).canvas, {"name": "RTS"}),
        "distortion": (lambda images: data.get_distortion(name)(images, np.random.default_rng(0)), {"images": DIGITS}),
    }


def losses_and_optimizers(rng):
    schedule = (nn.constant, nn.cosine, nn.one_cycle, nn.step_decay())[rng.integers(4)]
    return {
        "softmax": (nn.softmax, {"logits": np.eye(3)}),
        "softmax_cross_entropy": (
            lambda **o: nn.softmax_cross_entropy(**o)[1](),
            {"logits": np.eye(3), "labels": np.arange(3), "label_smoothing": 0.1},
        ),
        "SGD": (lambda **o: descend(nn.SGD(**o)), {"momentum": 0.9, "nesterov": True}),
        "Muon": (lambda **o: descend(nn.Muon(**o)), {"momentum": 0.9}),
        "Adam": (lambda **o: descend(nn.Adam(**o)), {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}),
        "clip_by_global_norm": (clip_by_global_norm, {"gradients": {"w": np.ones(2)}, "limit": 1.0}),
        "schedules": (schedule, {"progress": 0.5}),
        "step_decay": (lambda **o: nn.step_decay(**o)(0.5), {"factor": 0.1, "steps": 3}),
    }


def descend(optimizer):
    params = {"w": np.zeros(2)}
    optimizer.apply(params, {"w": np.ones(2)}, optimizer.init(params), {"w": 0.1})
    return params["w"]


def training(rng):
    options = {
        "X": X, "y": Y, "epochs": 1, "seconds": 9.0, "batch_size": 2, "optimizer": nn.SGD(), "learning_rate": 0.0,
        "schedule": nn.constant, "learning_rate_multipliers": {"localisation": 0.1}, "clip_norm": 1.0, "label_smoothing": 0.1,
        "weight_decay": 0.01, "validation": (X, Y), "augment": lambda x, rng: x, "callbacks": (lambda *_: None,), "seed": 0,
    }  # fmt: skip
    return {"fit": (fit, options)}


def fit(**options):
    model = stn.models.fcn((8, 8, 1), units=2)
    stn.fit(model, **options, progress=False)
    return model.predict_proba(X)


def others(rng):
    return {
        "set_num_threads": (set_num_threads, {"num_threads": 2}),
        "limit_threads": (limit_threads, {"num_threads": 2}),
        "check_vjp": (check_vjp, {"x": np.ones(3)}),
    }


def set_num_threads(num_threads):
    try:
        stn.set_num_threads(num_threads)
        assert stn.get_num_threads() >= 1
    finally:
        stn.set_num_threads(None)


def limit_threads(num_threads):
    with stn.limit_threads(num_threads):
        assert stn.get_num_threads() >= 1


def check_vjp(x):
    with contextlib.suppress(AssertionError):  # a wrong gradient is a valid answer
        testing.check_vjp(lambda x: (x * x, lambda d: 2 * x * d), x)
