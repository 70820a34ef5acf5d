"""What plugins return is validated, and errors name the plugin."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.data import RandomWarp
from stn_numba.grid import BasisGrid, DenseGrid, MatrixGrid
from stn_numba.nn import Flatten, SpatialTransformer
from stn_numba.transform import registry
from stn_numba.transform.checked import make_grid

IMAGE = np.ones((4, 5))


class Plugin(stn.Transform):
    """Returns from `forward` what it was made with."""

    n_params = 2

    def __init__(self, result):
        self.result = result

    def identity(self):
        return np.zeros(2)

    def apply(self, theta, points):
        return np.zeros((len(theta), len(points), 2))

    def forward(self, theta, shape, align_corners=True):
        result = self.result(theta, shape, align_corners) if callable(self.result) else self.result
        return result if isinstance(result, tuple) or result is None else (result, lambda d_grid: np.zeros_like(theta))


def dense(theta, shape, align_corners, value=0.0):
    return DenseGrid(np.full((len(theta), *shape, 2), value), align_corners=align_corners)


def partly(theta, shape, align_corners):
    grid = dense(theta, shape, align_corners, np.nan)
    grid.values[:, 0, 0] = 0
    return grid


BAD = {
    "raises": (lambda *_: {}["lost"], "forward: KeyError: 'lost'"),
    "no pair": (None, "forward: TypeError"),
    "no grid": ((np.zeros((1, 4, 5, 2)), None), "expected a DenseGrid, MatrixGrid or BasisGrid, got ndarray"),
    "batch": (lambda theta, *rest: dense(np.zeros((3, 2)), *rest), "expected a grid for N = 1, .* got N = 3"),
    "shape": (lambda theta, shape, a: dense(theta, (2, 2), a), r"expected .* shape \(4, 5\), .* got .* shape \(2, 2\)"),
    "convention": (lambda theta, shape, a: dense(theta, shape, not a), "align_corners=True, got .* align_corners=False"),
    "dense nan": (lambda *args: dense(*args, value=np.nan), r"not one position is a number for finite theta .* \(row 0\)"),
    "matrix nan": (lambda theta, shape, a: MatrixGrid(np.full((1, 3, 3), np.nan), shape), "not one position is a number"),
    "basis nan": (lambda t, shape, a: BasisGrid(np.full((20, 1), np.nan), np.ones((1, 2, 1)), shape), "not one position"),
    "objects": (lambda t, shape, a: DenseGrid(np.full((1, *shape, 2), None)), "TypeError: points: expected numbers"),
}


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})


@pytest.mark.parametrize(("result", "message"), BAD.values(), ids=BAD)
def test_bad_results_are_named(result, message):
    with pytest.raises(stn.PluginError, match=f"(?s)transform .*test_checked.Plugin: .*{message}"):
        stn.warp(IMAGE, [0.0, 0.0], Plugin(result))


def test_a_registered_plugin_is_named_by_its_registered_name():
    class Bent(Plugin):
        def __init__(self):
            super().__init__(lambda *_: 1 / 0)

    stn.register_transform("bent", Bent)
    with pytest.raises(stn.PluginError, match="transform 'bent' of register_transform: forward: ZeroDivisionError"):
        stn.warp(IMAGE, [0.0, 0.0], "bent")


@pytest.mark.parametrize("value", [0.0, np.inf])
def test_positions_far_outside_are_accepted(value):
    stn.warp(IMAGE, [0.0, 0.0], Plugin(lambda *args: dense(*args, value=value)))
    stn.warp(IMAGE, [0.0, 0.0], Plugin(partly))


def test_nan_positions_for_nan_parameters_are_accepted():
    assert not stn.warp(IMAGE, [np.nan, 0.0], Plugin(lambda *args: dense(*args, value=np.nan))).any()
    assert not stn.warp(IMAGE, [np.nan, 0, 0, 0, 1, 0]).any()


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda d: 1 / 0, "backprop: ZeroDivisionError"),
        (lambda d: np.zeros((2, 1)), r"backprop: expected floats \(1, 2\), got float64 \(2, 1\)"),
        (lambda d: None, "backprop: expected floats .*, got NoneType"),
        (lambda d: np.zeros((1, 2), int), "backprop: expected floats .*, got int64"),
    ],
)
def test_bad_gradients_are_named(gradient, message):
    plugin = Plugin(lambda *args: (dense(*args), gradient))
    _, backprop = make_grid(plugin, [[0.0, 0.0]], (4, 5))
    with pytest.raises(stn.PluginError, match=message):
        backprop(np.zeros((1, 4, 5, 2)))


def test_mistakes_of_the_caller_are_not_blamed_on_the_plugin():
    with pytest.raises(ValueError, match=r"theta: expected \(6,\) or \(N, 6\), got \(2,\)"):
        stn.warp(IMAGE, [0.0, 0.0])
    with pytest.raises(ValueError, match="shape: expected two whole numbers"):
        stn.warp(IMAGE, [1, 0, 0, 0, 1, 0], shape=(-1, 2))
    with pytest.raises(TypeError, match="transform: expected a registered name or a Transform, got int"):
        stn.warp(IMAGE, [0.0], 3)


BOUND = {
    "raises": (lambda *_: 1 / 0, "for_image: ZeroDivisionError"),
    "nothing": (lambda *_: None, "for_image: expected a Transform, got NoneType"),
    "other": (lambda *_: stn.get_transform("affine"), "for_image: expected 2 parameters, as before, got 6"),
}


@pytest.mark.parametrize(("bound", "message"), BOUND.values(), ids=BOUND)
def test_bad_transforms_for_an_image_are_named(bound, message):
    class Aware(Plugin):
        def for_image(self, in_shape, align_corners=True):
            return bound()

    with pytest.raises(stn.PluginError, match=f"transform .*Aware: {message}"):
        stn.warp(IMAGE, [0.0, 0.0], Aware(dense))
    with pytest.raises(stn.PluginError, match=message):
        SpatialTransformer(Flatten(), Aware(dense)).initialize((4, 5, 1), np.random.default_rng(0))


def test_a_spatial_transformer_names_bad_plugins_too():
    layer = SpatialTransformer(Flatten(), Plugin(lambda *args: dense(*args, value=np.nan)))
    layer.initialize((4, 5, 1), np.random.default_rng(0))
    with pytest.raises(stn.PluginError, match="not one position is a number"):
        layer.forward(np.ones((2, 4, 5, 1), np.float32))


IDENTITIES = {
    "short": (lambda: np.zeros(1), r"identity: expected \(2,\) finite numbers, got array"),
    "nan": (lambda: np.full(2, np.nan), "identity: expected .2,. finite numbers"),
    "raises": (lambda: {}["lost"], "identity: KeyError: 'lost'"),
    "text": (lambda: "ab", "identity: ValueError"),
}


@pytest.mark.parametrize(("identity", "message"), IDENTITIES.values(), ids=IDENTITIES)
def test_bad_identities_are_named(identity, message):
    plugin = Plugin(dense)
    plugin.identity = identity
    with pytest.raises(stn.PluginError, match=f"transform .*test_checked.Plugin: {message}"):
        RandomWarp(plugin)
    layer = SpatialTransformer(Flatten(), plugin)
    with pytest.raises(stn.PluginError, match=message):
        layer.initialize((4, 5, 1), np.random.default_rng(0))


def test_a_transform_without_n_params_is_named():
    class Nameless(Plugin):
        @property
        def n_params(self):
            raise AttributeError("no n_params")

    for make in (RandomWarp, lambda plugin: SpatialTransformer(Flatten(), plugin)):
        with pytest.raises(stn.PluginError, match="Nameless: n_params: AttributeError"):
            make(Nameless(dense))
