"""A run that was stopped or killed resumes with the same bits."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import st_fcn
from stn_numba.nn import SGD, Adam, Chain, Classifier, Dense, Flatten, Layer, Muon, StorageError
from stn_numba.nn.schedules import constant
from tests.nn.training.resumable import TURN, CrashError, X, Y, small, train, weights


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes and signals")
def test_a_run_killed_ten_times_gives_the_same_bits(tmp_path):
    environment = os.environ | {"STN_NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    seed = str(int.from_bytes(os.urandom(2), "big"))  # other moments each time; a failure prints the seed
    program = Path(__file__).with_name("killed_run.py")
    run = subprocess.run(
        [sys.executable, program, tmp_path, seed], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"seed {seed}: {run.stderr}"


@pytest.mark.parametrize("optimizer", [Adam(), SGD(), SGD(0.5, nesterov=True), Muon()])
@pytest.mark.parametrize("steps", [1, 3, 4, 8, 11])
def test_a_run_resumed_after_a_crash_gives_the_same_bits(tmp_path, optimizer, steps):
    uninterrupted = small()
    history = train(uninterrupted, optimizer=optimizer)
    left = [steps]

    def crash(images, rng):
        if not left[0]:
            raise CrashError
        left[0] -= 1
        return TURN(images, rng)

    path = tmp_path / "run.checkpoint"
    with pytest.raises(CrashError):
        train(small(), optimizer=optimizer, augment=crash, checkpoint=path, checkpoint_seconds=0)
    model = small()
    resumed = train(model, optimizer=optimizer, checkpoint=path)
    assert np.array_equal(weights(model), weights(uninterrupted))
    for column in ("epoch", "loss", "error", "learning_rate"):
        assert resumed.column(column) == history.column(column)


def test_a_stream_resumes_within_an_epoch(tmp_path):
    class Stream:
        def __init__(self, crash_at=-1):
            self.crash_at, self.count = crash_at, 0

        def __len__(self):
            return 3

        def __call__(self, rng):
            for _ in range(3):
                if self.count == self.crash_at:
                    raise CrashError
                self.count += 1
                yield rng.random((8, 12, 12, 1), np.float32), rng.integers(0, 2, 8)

    def fit(model, stream, **options):
        stn.fit(model, stream, epochs=3, progress=False, **options)
        return weights(model)

    uninterrupted, path = fit(small(), Stream()), tmp_path / "run.checkpoint"
    with pytest.raises(CrashError):
        fit(small(), Stream(crash_at=4), checkpoint=path, checkpoint_seconds=0)
    assert np.array_equal(fit(small(), Stream(), checkpoint=path), uninterrupted)


def test_a_finished_run_is_not_repeated(tmp_path):
    path, first, second = tmp_path / "run.checkpoint", small(), small()
    train(first, checkpoint=path)

    def no_work(images, rng):
        raise AssertionError("training began")

    assert len(train(second, checkpoint=path, augment=no_work)) == 4
    assert np.array_equal(weights(first), weights(second))


def test_the_best_epoch_survives_a_crash(tmp_path):
    options = {"restore_best": "validation_error", "validation": (X[:11], Y[:11]), "learning_rate": 0.05, "epochs": 6}
    uninterrupted = small()
    errors = train(uninterrupted, **options).column("validation_error")
    assert uninterrupted.evaluate(X[:11], Y[:11])[1] == min(errors)
    path, model = tmp_path / "run.checkpoint", small()

    def crash(model, history):
        if len(history) == 5:
            raise CrashError

    with pytest.raises(CrashError):
        train(small(), checkpoint=path, callbacks=[crash], **options)
    train(model, checkpoint=path, **options)
    assert np.array_equal(weights(model), weights(uninterrupted))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 5}, "a run with epochs = 4, got 5"),
        ({"seed": 1}, "a run with seed = 0, got 1"),
        ({"optimizer": SGD()}, "a run with optimizer = 'Adam"),
        ({"schedule": constant}, "a run with schedule = 'one_cycle"),
        ({"batch_size": 8}, "a run with batches = 3, got 5"),
    ],
)
def test_resuming_with_other_settings_is_refused_by_name(tmp_path, change, message):
    path = tmp_path / "run.checkpoint"
    train(small(), checkpoint=path)
    with pytest.raises(StorageError, match=message):
        train(small(), checkpoint=path, **change)


def test_resuming_with_another_model_is_refused(tmp_path):
    path = tmp_path / "run.checkpoint"
    train(small(), checkpoint=path)
    with pytest.raises(StorageError, match=r"a run with model.layers\[0\].localisation.layers\[2\].units = 4, got 32;"):
        train(st_fcn((12, 12, 1), 2, units=9), checkpoint=path)


def test_a_missing_folder_is_refused_before_training(tmp_path):
    def no_work(images, rng):
        raise AssertionError("training began")

    with pytest.raises(FileNotFoundError, match="no such folder"):
        train(small(), checkpoint=tmp_path / "missing" / "run", augment=no_work)


def test_seconds_of_a_resumed_run_add_up(tmp_path):
    path = tmp_path / "run.checkpoint"

    def crash(model, history):
        if len(history) == 2:
            raise CrashError

    def slow(images, rng):
        time.sleep(0.02)
        return images

    with pytest.raises(CrashError):
        train(small(), checkpoint=path, callbacks=[crash], augment=slow)
    assert train(small(), checkpoint=path, augment=slow)[-1].seconds >= 4 * 3 * 0.02


def test_resuming_with_another_number_of_images_is_refused(tmp_path):
    path = tmp_path / "run.checkpoint"
    model = stn.models.fcn((12, 12, 1), 2, units=4)
    stn.fit(model, np.zeros((8, 12, 12)), np.zeros(8, int), epochs=1, checkpoint=path, progress=False)
    with pytest.raises(StorageError, match="a run with images = 8, got 5"):
        stn.fit(model, np.zeros((5, 12, 12)), np.zeros(5, int), epochs=1, checkpoint=path, progress=False)


class Gain(Layer):
    """A layer with one parameter that has no axes."""

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"gain": np.ones((), dtype)}
        return input_shape

    def forward(self, x, rng=None):
        gain = self.params["gain"]
        return x * gain, lambda dy, *, input_gradient=True: (dy * gain, {"gain": np.asarray((x * dy).sum(), x.dtype)})


class Lazy:
    """An optimizer whose state appears with the first update and holds more than arrays."""

    def init(self, params):
        return {}

    def apply(self, params, gradients, state, learning_rates):
        for name, array in params.items():
            array -= learning_rates[name] * gradients[name]
        state.update(steps=state.get("steps", 0) + 1, norm=np.array(0.5), log=[0.123456789] * 200_000)


def test_scalar_parameters_and_custom_optimizer_states_are_kept(tmp_path):
    def train(epochs_before_the_cut, path):
        model = Classifier(Chain(Flatten(), Gain(), Dense(2)), (12, 12, 1), 2)

        def cut(model, history):
            if len(history) == epochs_before_the_cut:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            stn.fit(model, X, Y, epochs=3, optimizer=Lazy(), callbacks=[cut], checkpoint=path, progress=False)
        return model

    uninterrupted = train(None, tmp_path / "uninterrupted")
    train(1, tmp_path / "cut")
    resumed = train(None, tmp_path / "cut")
    assert resumed.params["gain1.gain"].shape == ()
    for name, array in uninterrupted.params.items():
        np.testing.assert_array_equal(resumed.params[name], array)
