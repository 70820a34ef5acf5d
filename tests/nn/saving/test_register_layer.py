"""Layers of one's own in model files, by names that are registered."""

import json
import subprocess
import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import BatchNorm, Chain, Conv2d, Dense, Flatten, Layer, Parallel, ReLU, SpatialTransformer, StorageError
from stn_numba.nn.layers.container import Container
from stn_numba.nn.saving import architecture
from tests.nn.examples import localisation, network

pytest.importorskip("safetensors")

X, Y = np.random.default_rng(0).random((40, 6, 6, 1), np.float32), np.arange(40) % 3


@pytest.fixture(autouse=True)
def no_names_left(monkeypatch):
    for table in ("_own", "NAMES"):
        monkeypatch.setattr(architecture, table, dict(getattr(architecture, table)))
    monkeypatch.setattr("stn_numba.nn.layers.base.NAMES", architecture.NAMES)


class Gain(Layer):
    """A layer with an option, a parameter and state."""

    def __init__(self, start=1.0):
        super().__init__()
        self.start = float(start)

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"gain": np.full(input_shape[-1], self.start, dtype)}
        self.state = {"images": np.zeros((), np.int64)}
        return input_shape

    def forward(self, x, rng=None):
        gain = self.params["gain"]
        if rng is not None:
            self.state["images"] += len(x)

        def backprop(dy, *, input_gradient=True):
            return dy * gain if input_gradient else None, {"gain": (dy * x).sum(axis=tuple(range(x.ndim - 1)))}

        return x * gain, backprop


class Residual(Container):
    """A layer around another one."""

    def __init__(self, body, weight=1.0):
        super().__init__()
        self.body, self.weight, self.layers = body, weight, {"body": body}

    def initialize(self, input_shape, rng, dtype=np.float32):
        return self._initialize_inner("body", input_shape, rng, dtype)

    def forward(self, x, rng=None):
        y, body_backprop = self.body.forward(x, rng)

        def backprop(dy, *, input_gradient=True):
            dx, gradients = body_backprop(self.weight * dy, input_gradient=input_gradient)
            gradients = {f"body.{name}": array for name, array in gradients.items()}
            return dx + dy if input_gradient else None, gradients

        return x + self.weight * y, backprop


class Twice(Chain):
    """A chain by another name."""


class Beside(Parallel):
    """Layers side by side, by another name."""


def saved_and_loaded(model, tmp_path):
    stn.fit(model, X, Y, epochs=1, learning_rate=0.02, progress=False)
    stn.save(model, tmp_path / "model.safetensors")
    return stn.load(tmp_path / "model.safetensors")


def test_layers_of_ones_own_are_saved_with_options_parameters_and_state(tmp_path):
    for layer in (Gain, Residual, Twice, Beside):
        assert stn.nn.register_layer(layer) is layer
    look = Chain(localisation(), Gain(2))
    model = network(
        SpatialTransformer(look), Residual(Chain(Conv2d(1, 3, padding="same"), BatchNorm()), weight=0.5),
        Twice(Conv2d(2, 3), ReLU()), Gain(start=0.5), Flatten(), Beside(Dense(2), Dense(1)),
    )  # fmt: skip
    loaded = saved_and_loaded(model, tmp_path)
    assert [type(layer) for layer in loaded.network.layers.values()] == [type(layer) for layer in model.network.layers.values()]
    assert loaded.network.layers["gain1"].start == 0.5
    assert int(loaded.network.state["gain1.images"]) == 40
    assert np.array_equal(loaded.logits(X), model.logits(X))


def test_the_decorator_and_another_name(tmp_path):
    @stn.nn.register_layer
    class First(Gain):
        pass

    @stn.nn.register_layer(name="mine.second")
    class Second(Gain):
        pass

    loaded = saved_and_loaded(network(First(), Second(), Flatten(), Dense(3)), tmp_path)
    assert [type(layer) for layer in list(loaded.network.layers.values())[:2]] == [First, Second]
    assert Second().describe() == {"layer": "mine.second", "start": 1.0}


def test_a_layer_that_is_not_registered_is_refused_with_what_to_do(tmp_path):
    model = network(Gain(), Flatten(), Dense(3))
    with pytest.raises(ValueError, match=r"register its class: stn_numba.nn.register_layer\(Gain\)"):
        stn.save(model, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
    stn.nn.register_layer(Gain)
    stn.save(model, tmp_path / "model.safetensors")
    program = f"import stn_numba; stn_numba.load({str(tmp_path / 'model.safetensors')!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "got 'Gain'; a layer of your own has to be registered first: stn_numba.nn.register_layer" in done.stderr


def test_a_subclass_of_a_registered_layer_is_another_layer(tmp_path):
    stn.nn.register_layer(Gain)
    with pytest.raises(ValueError, match="layer: expected one of .*, got Other"):
        stn.save(network(type("Other", (Gain,), {})(), Flatten(), Dense(3)), tmp_path / "model.safetensors")
    stn.nn.register_layer(Twice)
    with pytest.raises(ValueError, match="layer: expected one of .*, got Other"):
        stn.save(network(Twice(type("Other", (Gain,), {})()), Flatten(), Dense(3)), tmp_path / "model.safetensors")


def test_arguments_that_would_be_lost_are_named(tmp_path):
    @stn.nn.register_layer
    class Forgetful(Gain):
        def __init__(self, start, other=3):
            super().__init__(start)

    with pytest.raises(ValueError, match="Forgetful cannot be saved without its 'other': expected an attribute of this name"):
        stn.save(network(Forgetful(1), Flatten(), Dense(3)), tmp_path / "model.safetensors")


def test_options_in_a_file_that_do_not_fit_are_errors_of_the_file(tmp_path):
    from safetensors.numpy import load, save

    stn.nn.register_layer(Gain)
    path = tmp_path / "model.safetensors"
    model = network(Gain(), Flatten(), Dense(3))
    stn.save(model, path)
    for options in ({"start": "much"}, {"more": 1}, {"start": {"layer": "Gain"}}):
        text = {"format": 1, "dtype": "float32", **model.config()}
        text["layers"][0] = {"layer": "Gain", **options}
        path.write_bytes(save(load(path.read_bytes()), metadata={"stn_numba": json.dumps(text)}))
        with pytest.raises(StorageError):
            stn.load(path)


def test_names_are_checked():
    with pytest.raises(ValueError, match="name: expected one that no layer of stn_numba has, got 'Dense'"):
        stn.nn.register_layer(Gain, name="Dense")
    with pytest.raises(TypeError, match="layer: expected a subclass of stn_numba.nn.Layer, got an instance of Gain"):
        stn.nn.register_layer(Gain())
    with pytest.raises(TypeError, match="layer: expected a subclass of stn_numba.nn.Layer, got <class 'int'>"):
        stn.nn.register_layer(int)
    with pytest.raises(TypeError, match="name: expected a str, got int"):
        stn.nn.register_layer(Gain, name=3)
    stn.nn.register_layer(Gain)
    stn.nn.register_layer(type("Gain", (Gain,), {"__module__": __name__}))  # as a cell of a notebook that runs again
    with pytest.raises(ValueError, match="name: 'Gain' already stands for .*Gain; choose another one, or pass overwrite=True"):
        stn.nn.register_layer(Residual, name="Gain")
    stn.nn.register_layer(Residual, name="Gain", overwrite=True)
