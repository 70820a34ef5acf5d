"""Training step by step."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.kernels.runtime import dispatch
from stn_numba.models import fcn, st_fcn
from stn_numba.nn import SGD, NonFiniteError, Trainer, constant, training_threads
from stn_numba.nn.engine import blas_threads

RNG = np.random.default_rng(0)
X, Y = RNG.random((64, 6, 6), np.float32), np.arange(64) % 3


def test_the_smoothing_is_a_number():
    with pytest.raises(TypeError, match=r"label_smoothing: expected a number in \[0, 1\), got"):
        Trainer(st_fcn((6, 6, 1), 3, units=8), label_smoothing=lambda progress: 0.1)


def test_steps_are_those_of_fit():
    fitted, own = st_fcn((6, 6, 1), 3, units=8), st_fcn((6, 6, 1), 3, units=8)
    options = {"learning_rate": 1e-3, "schedule": constant, "label_smoothing": 0}
    history = stn.fit(fitted, X, Y, epochs=3, batch_size=64, progress=False, **options)
    order = np.random.default_rng(np.random.SeedSequence(0).spawn(3)[0])
    trainer = Trainer(own)
    losses = []
    for _ in range(3):
        rows = order.permutation(64)
        losses.append(trainer.step(X[rows], Y[rows]))
    assert losses == history.column("loss")
    assert trainer.error == history[-1].error
    assert trainer.steps == 3
    assert all(np.array_equal(fitted.params[name], own.params[name]) for name in own.params)


def test_a_step_takes_weights_and_another_rate():
    model = fcn((6, 6, 1), 3, units=4)
    before = {name: array.copy() for name, array in model.params.items()}
    trainer = Trainer(model, optimizer=SGD(), class_weight=[1, 1, 2])
    assert trainer.step(X, Y, sample_weight=np.zeros(64)) == 0
    assert all(np.array_equal(array, before[name]) for name, array in model.params.items())
    trainer.step(X, Y, learning_rate=0.0)
    assert all(np.array_equal(array, before[name]) for name, array in model.params.items())
    trainer.step(X, Y)
    assert not all(np.array_equal(array, before[name]) for name, array in model.params.items())


def test_mistakes_are_named():
    model = fcn((6, 6, 1), 3, units=4)
    trainer = Trainer(model, learning_rate=1e-3)
    with pytest.raises(ValueError, match=r"y: expected \(64,\) whole numbers"):
        trainer.step(X, Y[:3])
    with pytest.raises(ValueError, match=r"sample_weight: expected \(64,\), got \(3,\)"):
        trainer.step(X, Y, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="class_weight: 'balanced' needs the labels"):
        Trainer(model, class_weight="balanced")
    with pytest.raises(TypeError, match="model: expected a Model"):
        Trainer(model.network)
    with pytest.raises(NonFiniteError, match="the loss is not finite in step 1: 64 of the 64 images"):
        trainer.step(X * np.nan, Y)
    assert trainer.steps == 0


def test_blas_keeps_to_one_thread_inside():
    pytest.importorskip("threadpoolctl")
    libraries = blas_threads._libraries(True)
    before = [library.get_num_threads() for library in libraries]
    with training_threads():
        assert {library.get_num_threads() for library in blas_threads._libraries(True)} == {1}
    assert [library.get_num_threads() for library in libraries] == before


def test_the_number_of_threads_changes_no_bit():
    losses = []
    for count in (1, 2):
        trainer = Trainer(st_fcn((6, 6, 1), 3, units=8))
        with dispatch.limited(count):
            losses.append([trainer.step(X, Y) for _ in range(3)])
    assert losses[0] == losses[1]
