"""Ctrl-C during training."""

import os
import signal

import numpy as np
import pytest

from stn_numba.nn.saving.checkpoint_file import read_checkpoint
from tests.nn.training.resumable import TURN, small, train, weights

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")


@pytest.fixture(autouse=True)
def interruptible():
    """A shell has background processes ignore SIGINT, and Python then leaves it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_finishes_the_step_and_leaves_a_checkpoint(tmp_path):
    uninterrupted, path, model = small(), tmp_path / "run.checkpoint", small()
    train(uninterrupted)
    count = [0]

    def interrupt(images, rng):
        count[0] += 1
        if count[0] == 5:  # the second step of the second epoch
            signal.raise_signal(signal.SIGINT)
        return TURN(images, rng)

    with pytest.raises(KeyboardInterrupt):
        train(model, augment=interrupt, checkpoint=path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert read_checkpoint(path)["clock"]["step"] == 5
    train(model, checkpoint=path)
    assert np.array_equal(weights(model), weights(uninterrupted))


def test_ctrl_c_after_the_last_step_interrupts():
    with pytest.raises(KeyboardInterrupt):
        train(small(), epochs=1, callbacks=[lambda model, history: signal.raise_signal(signal.SIGINT)])


def test_a_second_ctrl_c_interrupts_at_once():
    def impatient(images, rng):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("training continued")

    with pytest.raises(KeyboardInterrupt):
        train(small(), augment=impatient)
